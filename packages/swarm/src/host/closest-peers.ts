import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import type { AbortOptions } from '@shoal/content'
import type { HostLogger } from './host-logger.ts'
import { compareDistance, kadId } from './kad-distance.ts'
import type { KadRoutingTable } from './kad-routing-table.ts'

/** What a query takes among 50 nodes on a busy machine, doubled; after it we go by what we know. */
const queryTimeoutMs = 500

export interface ClosestPeersComponents {
  readonly self: PeerId
  readonly dht: KadDHT
  readonly table: KadRoutingTable
  readonly logger: HostLogger
}

/**
 * The live peers closest to a key, ourselves among them, closest first. In a small cluster everyone is in the
 * routing table; in a larger one the table has gaps far from us, so those who are near the key are asked.
 */
export async function closestPeers(
  components: ClosestPeersComponents,
  key: Uint8Array,
  options: AbortOptions & { count: number },
): Promise<string[]> {
  const { self, table } = components
  options.signal?.throwIfAborted()
  const isWholeCluster = table.size < table.kBucketSize
  const answered = isWholeCluster ? [] : await whoAnswers(components, key, options.signal)
  const known =
    answered.length >= options.count ? [] : table.closestPeers(kadId(key), { count: options.count })
  return nearest([self, ...answered, ...known], key).slice(0, options.count)
}

async function whoAnswers(
  { dht, logger }: ClosestPeersComponents,
  key: Uint8Array,
  callerSignal: AbortSignal | undefined,
): Promise<PeerId[]> {
  const deadline = AbortSignal.timeout(queryTimeoutMs)
  const signal = callerSignal === undefined ? deadline : AbortSignal.any([callerSignal, deadline])
  const answered: PeerId[] = []
  try {
    for await (const event of dht.getClosestPeers(key, { signal })) {
      if (event.name === 'PEER_RESPONSE') answered.push(event.from)
    }
  } catch (error) {
    callerSignal?.throwIfAborted()
    logger.debug({ answered: answered.length, error }, 'query for the closest peers ended early')
  }
  return answered
}

function nearest(peers: readonly PeerId[], key: Uint8Array): string[] {
  const target = kadId(key)
  const places = new Map(peers.map((peer) => [peer.toString(), kadId(peer.toMultihash().bytes)]))
  return [...places].sort(([, a], [, b]) => compareDistance(target, a, b)).map(([peer]) => peer)
}
