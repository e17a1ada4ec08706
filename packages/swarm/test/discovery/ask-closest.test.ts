import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { askClosest } from '../../dist/discovery/ask-closest.js'
import { randomCid } from '../host/fixture.ts'
import { componentsFor, inventPeers } from './invented-table.ts'

test('a cluster in which everybody is slow is not asked more, which would make it slower', async (t) => {
  const components = componentsFor(await inventPeers(50))
  let asked = 0
  const ask = async () => {
    asked++
    await sleep(60)
    return { providers: [], closer: [] }
  }
  const query = async () => {
    asked = 0
    const init = {
      key: randomCid().multihash.bytes,
      lateAfterMs: 10,
      ask,
      signal: new AbortController().signal,
    }
    for await (const _ of askClosest(components, init));
    return asked
  }
  t.true((await query()) < 24)
  await query()
  await query()
  // Six are to answer; one or two may have been later than the others.
  t.true((await query()) < 12)
})
