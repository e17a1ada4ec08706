/** News for a peer that has nothing to ask of us gather for so long: what lands together is told together. */
const idleIntervalMs = 20
/**
 * News for others wait for the next grant or chunk to travel with; each message of their own costs both ends 0.15 ms of
 * CPU. At the latest they come after this time, longer the more listen: 50 messages a second at the most.
 */
const minIntervalMs = 250
const intervalMsPerListener = 20
const maxIntervalMs = 1_000

/** How long news of landed chunks may wait until a peer is told, in milliseconds. */
export function newsIntervalMs(listener: { readonly isIdle: boolean; readonly listeners: number }): number {
  if (listener.isIdle) return idleIntervalMs
  return Math.min(maxIntervalMs, Math.max(minIntervalMs, listener.listeners * intervalMsPerListener))
}
