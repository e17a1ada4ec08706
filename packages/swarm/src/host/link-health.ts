/** What is known of one connection. Times are in milliseconds, of one monotonic clock. */
export interface Link {
  /** When something last came from the other end, or went to it and was taken. */
  readonly heardAtMs: number
  /** When we last asked it for a sign of life, if it has not been heard since. */
  readonly probedAtMs: number | undefined
}

export interface LinkLimits {
  /** Silence after which the other end is asked for a sign of life. */
  readonly idleMs: number
  /** How long it may take to give one. */
  readonly timeoutMs: number
}

export type LinkVerdict = 'alive' | 'probe' | 'dead'

/**
 * Whether a peer still answers. Traffic counts as an answer, so that a busy link, on which a probe can be late, is
 * never cut while it moves.
 */
export function judgeLink(link: Link, limits: LinkLimits, nowMs: number): LinkVerdict {
  if (link.probedAtMs !== undefined) {
    return nowMs - link.probedAtMs >= limits.timeoutMs ? 'dead' : 'alive'
  }
  return nowMs - link.heardAtMs >= limits.idleMs ? 'probe' : 'alive'
}

/** At 0.15 ms of CPU each, both ends together, what a node spends on idle links stays below 1 % of a core. */
const probesPerSecond = 10

/** The silence after which to probe, in milliseconds, in a node with so many links: among 200 a node that hangs is found in 24 s. */
export function probeIdleMs(leastMs: number, links: number): number {
  return Math.max(leastMs, (links * 1_000) / probesPerSecond)
}
