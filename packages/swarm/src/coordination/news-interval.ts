/**
 * News gather for so long at the least, and for so long for each member: a message costs 0.15 ms of CPU, and a thousand
 * members send and get a thousand of them.
 */
export const minNewsIntervalMs = 50
const intervalMsPerMember = 2
export const maxNewsIntervalMs = 2_000
/** While bytes of leased chunks come in and no chunk is whole, the coordinator is told so this often. */
export const workingIntervalMs = 1_000

/** How long news of a swarm with so many members gather, at the coordinator and at its members, in milliseconds. */
export function newsIntervalMs(members: number): number {
  return Math.min(maxNewsIntervalMs, Math.max(minNewsIntervalMs, members * intervalMsPerMember))
}

export interface LandedChunk {
  /** Whether the coordinator is this node itself, so that telling it costs nothing. */
  readonly isLocal: boolean
  /** Whether it was leased: then the coordinator waits for it. */
  readonly wasLeased: boolean
  /** Whether nothing is leased to this node any more, so that it has nothing to do until it is given more. */
  readonly isLast: boolean
  /** How long news gather, as the coordinator said. */
  readonly newsDelayMs: number
}

/** How long a member may keep the news of a chunk that landed, in milliseconds. */
export function landedDelayMs({ isLocal, wasLeased, isLast, newsDelayMs }: LandedChunk): number {
  if (isLocal || (wasLeased && isLast)) return 0
  return wasLeased ? minNewsIntervalMs : newsDelayMs
}
