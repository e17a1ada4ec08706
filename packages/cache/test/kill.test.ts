import { join } from 'node:path'
import { StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { openCache } from '../dist/index.js'
import { runScript } from './child.ts'
import { chunkLength, fill, load, makeBlob, makeDirectory, open, sha256, store } from './fixture.ts'

/** Fills blobs in another process, kills it after some lines, and gives all that it printed. */
async function fillAndKill(t: ExecutionContext, args: string[], killAfter: number): Promise<string[][]> {
  const child = runScript(t, 'fill.script.ts', args)
  const lines: string[] = []
  for await (const line of child.lines) {
    lines.push(line)
    if (lines.length === killAfter || line === 'waiting') await child.kill()
  }
  return lines.map((line) => line.split(' '))
}

test('kill -9 while a blob is filled loses no confirmed chunk, and filling goes on', async (t) => {
  const dataDir = join(await makeDirectory(t), 'data')
  const blob = makeBlob(60 * chunkLength - 1, '1')
  const confirmed = new Set<number>()
  for (const killAfter of [1, 15, 15]) {
    for (const [what, , index] of await fillAndKill(t, [dataDir, '60', '1', '1'], killAfter)) {
      if (what === 'chunk') confirmed.add(Number(index))
    }
    const cache = await open(t, dataDir)
    const partial = await cache.blobs.openPartial(blob.descriptor)
    t.deepEqual(
      [...confirmed].filter((index) => !partial.held.has(index)),
      [],
    )
    for (const index of partial.held) {
      t.true(sha256(await partial.readAt(blob.layout.rangeOf(index))).equals(blob.hash(index)))
    }
    await cache.stop()
  }
  t.true(confirmed.size >= 31)
  const cache = await open(t, dataDir)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  t.false(partial.held.isComplete)
  await fill(partial, blob)
  await partial.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('kill -9 at any point of many blobs loses no complete one, and none that is there is wrong', async (t) => {
  const dataDir = join(await makeDirectory(t), 'data')
  const complete = new Set<number>()
  let seed = 0
  for (const killAfter of [1, 3, 5, 8, 14, 23]) {
    for (const [what, which] of await fillAndKill(
      t,
      [dataDir, '3', String(seed), String(seed + 9)],
      killAfter,
    )) {
      if (what === 'complete') complete.add(Number(which))
      if (which !== undefined) seed = Number(which)
    }
  }
  const cache = await open(t, dataDir)
  const blobs = Array.from({ length: seed + 1 }, (_, i) => makeBlob(3 * chunkLength - 1, String(i)))
  for (const [i, blob] of blobs.entries()) {
    const bytes = await load(cache, blob)
    t.true(bytes === undefined ? !complete.has(i) : bytes.equals(blob.bytes))
  }
  const known = new Set<string>(blobs.map(({ descriptor }) => descriptor.digest))
  for await (const { digest } of cache.blobs.list()) t.true(known.has(digest))
  for (const blob of blobs) await store(cache, blob)
})

test('the data directory of another process is refused, and free when that was killed', async (t) => {
  const dataDir = join(await makeDirectory(t), 'data')
  const child = runScript(t, 'fill.script.ts', [dataDir, '2', '1', '1'])
  for await (const line of child.lines) {
    if (line !== 'waiting') continue
    const error = await t.throwsAsync(openCache({ dataDir }), { instanceOf: StoreError })
    t.regex(error.message, /in use by another process/)
    await child.kill()
  }
  await t.notThrowsAsync(open(t, dataDir))
})
