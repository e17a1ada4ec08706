import type { AbortOptions } from '@shoal/content'
import { type AskClosestComponents, askClosest } from './ask-closest.ts'
import type { KadClient } from './kad-client.ts'
import { compareDistance, kadId, placeOf } from './kad-distance.ts'

/** What a query takes among 50 nodes on a busy machine, doubled; after it we go by what we know. */
const queryTimeoutMs = 500

/**
 * The live peers closest to a key, ourselves among them, closest first. In a small cluster everyone is in the
 * routing table; in a larger one the table has gaps far from us, so those who are near the key are asked.
 */
export async function closestPeers(
  components: AskClosestComponents & { readonly client: KadClient },
  key: Uint8Array,
  options: AbortOptions & { count: number },
): Promise<string[]> {
  const { self, table } = components
  const { count, signal } = options
  signal?.throwIfAborted()
  const isWholeCluster = table.size < table.kBucketSize
  const answered = isWholeCluster ? [] : await whoAnswers(components, key, signal)
  const connected = new Set(components.connectedPeers())
  // Of those who did not answer, whoever we are connected to lives, and is only busy: were it passed over, nodes would
  // not agree on who is the closest.
  const known = table
    .closestPeers(kadId(key), { count })
    .map(String)
    .filter((peer) => answered.length < count || connected.has(peer))
  return nearest([self, ...answered, ...known], key).slice(0, count)
}

async function whoAnswers(
  components: AskClosestComponents & { readonly client: KadClient },
  key: Uint8Array,
  callerSignal: AbortSignal | undefined,
): Promise<string[]> {
  const { client, logger } = components
  const deadline = AbortSignal.timeout(queryTimeoutMs)
  const signal = callerSignal === undefined ? deadline : AbortSignal.any([callerSignal, deadline])
  const answered: string[] = []
  try {
    const ask = (peer: string, signal: AbortSignal) => client.findNode(peer, key, { signal })
    for await (const { peer } of askClosest(components, { key, ask, signal })) answered.push(peer)
  } catch (error) {
    callerSignal?.throwIfAborted()
    logger.debug({ answered: answered.length, error }, 'query for the closest peers ended early')
  }
  return answered
}

function nearest(peers: readonly string[], key: Uint8Array): string[] {
  const target = kadId(key)
  const places = new Map(peers.map((peer) => [peer, placeOf(peer)]))
  return [...places].sort(([, a], [, b]) => compareDistance(target, a, b)).map(([peer]) => peer)
}
