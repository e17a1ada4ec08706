/**
 * Every neighbour of every download is told of landed chunks, and each message costs both ends 0.15 ms of CPU. So a node
 * sends at most 50 of them a second, besides those that travel with chunks: the more listen, the more it tells at a time.
 */
const minIntervalMs = 100
const intervalMsPerListener = 20
const maxIntervalMs = 1_000

/** How long a node's news of landed chunks gather before they are told, in milliseconds. */
export function newsIntervalMs(listeners: number): number {
  return Math.min(maxIntervalMs, Math.max(minIntervalMs, listeners * intervalMsPerListener))
}
