import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AnswerTimes } from '../../dist/discovery/answer-times.js'
import type { AskClosestComponents } from '../../dist/discovery/ask-closest.js'
import { compareDistance, placeOf } from '../../dist/discovery/kad-distance.js'
import { silentLogger } from '../../dist/host/host-logger.js'
import type { KadRoutingTable } from '../../dist/host/kad-routing-table.js'

export async function inventPeers(count: number): Promise<PeerId[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return keys.map((key) => peerIdFromPrivateKey(key))
}

/** What a node queries with that is connected with all the peers; the list may change meanwhile. */
export function componentsFor(peers: readonly PeerId[]): AskClosestComponents {
  const table = {
    get size() {
      return peers.length
    },
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
