/** What is known of one connection. Times are in milliseconds, of one monotonic clock. */
export interface Link {
  /** When something was last seen to have come from the other end. */
  readonly heardAtMs: number
  /** By when it has our last question for a sign of life, if it has not been heard since: see {@link arrivalMs}. */
  readonly probedAtMs: number | undefined
}

export interface LinkLimits {
  /** Silence after which the other end is asked for a sign of life. */
  readonly idleMs: number
  /** How long it may take to give one. */
  readonly timeoutMs: number
}

export type LinkVerdict = 'alive' | 'probe' | 'dead'

/** What is sent goes no slower than this, on a line that many may share. */
const minBytesPerMs = 50
/** A peer that hangs takes nothing at all, and is not waited for any longer. */
const maxSendingMs = 10_000

/**
 * Whether a peer still answers. Traffic counts as an answer, so that a busy link, on which a probe can be late, is
 * never cut while it moves.
 */
export function judgeLink(link: Link, limits: LinkLimits, nowMs: number): LinkVerdict {
  if (link.probedAtMs === undefined) return nowMs - link.heardAtMs >= limits.idleMs ? 'probe' : 'alive'
  return nowMs - link.probedAtMs >= limits.timeoutMs ? 'dead' : 'alive'
}

/** By when all that was sent is there at the latest, where so many bytes follow what is to be there at a time. */
export function arrivalMs(arrivesAtMs: number, sentBytes: number, nowMs: number): number {
  return Math.min(nowMs + maxSendingMs, Math.max(nowMs, arrivesAtMs) + sentBytes / minBytesPerMs)
}

/** At 0.15 ms of CPU each, both ends together, what a node spends on idle links stays below 1 % of a core. */
const probesPerSecond = 10

/** The silence after which to probe, in milliseconds, in a node with so many links: among 200 a node that hangs is found in 24 s. */
export function probeIdleMs(leastMs: number, links: number): number {
  return Math.max(leastMs, (links * 1_000) / probesPerSecond)
}
