import { OriginError, type Repository } from '@shoal/content'
import { DeadlineError } from './deadline.ts'

/** How long verdicts of registries hold. Milliseconds. */
export interface AccessTimes {
  /** That anybody may read a repository. */
  readonly publicMs: number
  /** That not everybody may. */
  readonly privateMs: number
  /** That a client may read a private one. */
  readonly grantMs: number
  /** That it may not: so that who guesses passwords does not do it through us. */
  readonly refusalMs: number
  /** How long a repository that was public is taken for public while its registry is away. */
  readonly stalePublicMs: number
  /** How long a client that could read a private one goes on reading while its registry is away. */
  readonly staleGrantMs: number
}

export const defaultAccessTimes: AccessTimes = {
  publicMs: 30 * 60_000,
  privateMs: 10_000,
  grantMs: 5 * 60_000,
  refusalMs: 10_000,
  stalePublicMs: 24 * 3_600_000,
  staleGrantMs: 4 * 3_600_000,
}

/** What a registry once said, and when. */
export interface Verdict {
  readonly allowed: boolean
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Whether the registry need not be asked again yet. */
export function isFresh(
  { allowed, at }: Verdict,
  now: number,
  { yesMs, noMs }: { readonly yesMs: number; readonly noMs: number },
): boolean {
  return now - at < (allowed ? yesMs : noMs)
}

/** Whether a yes of before may stand in while the registry can't be asked. */
export function isStillGood(verdict: Verdict | undefined, now: number, maxAgeMs: number): verdict is Verdict {
  return verdict?.allowed === true && now - verdict.at < maxAgeMs
}

/**
 * Whether what was known before may stand in for the origin's answer. Yes when the origin could not answer;
 * no when it did answer (no such tag, no access for us), or when this node's own rules keep us from asking
 * it.
 */
export function isOriginAway(error: unknown): boolean {
  if (error instanceof DeadlineError) return true
  if (!(error instanceof OriginError)) return false
  return error.fault === 'unavailable' || error.fault === 'rate-limited' || error.fault === 'malformed'
}

export function repositoryKey({ registry, name }: Repository): string {
  return `${registry}/${name}`
}
