/**
 * From the first chunk to its announcement in the DHT, at the least and for each node of the cluster: it takes a dozen
 * messages, which must not be spent while all nodes pull. About two nodes a second announce a blob; until then the
 * coordinator knows who has it.
 */
const minDelayMs = 10_000
const delayMsPerPeer = 500
const maxDelayMs = 120_000

/** When to announce a blob of which the first chunk landed, in a cluster of so many peers. `random` is 0 to 1. */
export function announceDelayMs(peers: number, random: number): number {
  return minDelayMs + Math.min(maxDelayMs, random * peers * delayMsPerPeer)
}
