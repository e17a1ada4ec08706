import { setTimeout as sleep } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import test from 'ava'
import { AnswerTimes } from '../../dist/discovery/answer-times.js'
import { type AskClosestComponents, askClosest } from '../../dist/discovery/ask-closest.js'
import { compareDistance, placeOf } from '../../dist/discovery/kad-distance.js'
import { silentLogger } from '../../dist/host/host-logger.js'
import type { KadRoutingTable } from '../../dist/host/kad-routing-table.js'
import { randomCid } from '../host/fixture.ts'

async function inventPeers(count: number): Promise<PeerId[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return keys.map((key) => peerIdFromPrivateKey(key))
}

/** A node that knows all the peers, and is connected to them. */
function componentsFor(peers: readonly PeerId[]): AskClosestComponents {
  const table = {
    size: peers.length,
    closestPeers: (target: Uint8Array, options?: { count?: number }) =>
      peers
        .toSorted((a, b) => compareDistance(target, placeOf(String(a)), placeOf(String(b))))
        .slice(0, options?.count),
  } as KadRoutingTable
  return {
    self: 'self',
    table,
    connectedPeers: () => peers.map(String),
    learn: async () => undefined,
    answerTimes: new AnswerTimes(),
    logger: silentLogger,
  }
}

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
