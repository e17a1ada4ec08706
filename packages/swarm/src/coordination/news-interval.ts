/**
 * News gather for so long at the least, and for so long for each member: a message costs 0.15 ms of CPU, and a thousand
 * members send and get a thousand of them.
 */
export const minNewsIntervalMs = 50
const intervalMsPerMember = 2
export const maxNewsIntervalMs = 2_000

/** How long news of a swarm with so many members gather, at the coordinator and at its members, in milliseconds. */
export function newsIntervalMs(members: number): number {
  return Math.min(maxNewsIntervalMs, Math.max(minNewsIntervalMs, members * intervalMsPerMember))
}
