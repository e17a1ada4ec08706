import { join } from 'node:path'
import test from 'ava'
import { makeDirectory } from '../fixture.ts'
import { CrashRounds } from './crash-rounds.ts'

/** `npm run crash:cache` does 200. */
const rounds = 8

test('kill -9 under load loses nothing, leaks nothing, and nothing wrong is served', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.log(`seed ${seed}`)
  const crashes = new CrashRounds(join(await makeDirectory(t), 'data'), seed)
  await crashes.prepare()
  for (let i = 0; i < rounds; i++) await crashes.round()
  const { kills, blobsChecked, losses, wrong, leaks } = crashes.figures
  t.log(`${kills} kills, ${blobsChecked} blobs checked`)
  t.deepEqual(crashes.findings, [])
  t.deepEqual({ losses, wrong, leaks }, { losses: 0, wrong: 0, leaks: 0 })
  t.true(kills === rounds && blobsChecked > rounds)
})
