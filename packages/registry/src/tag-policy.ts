import { OriginError, type TagRecord } from '@shoal/content'
import { DeadlineError } from './deadline.ts'

/** Clocks of a cluster's nodes may differ by this much. */
const clockSkewMs = 5 * 60_000

/**
 * Whether what was known before may stand in for the origin's answer. Yes when the origin could not answer;
 * no when it did answer (no such tag, no access for us), or when this node's own rules keep us from asking
 * it.
 */
export function allowsStaleTag(error: unknown): boolean {
  if (error instanceof DeadlineError) return true
  if (!(error instanceof OriginError)) return false
  return error.fault === 'unavailable' || error.fault === 'rate-limited' || error.fault === 'malformed'
}

/** Whether a record is young enough to serve. One from the future is a broken clock or a lie. */
export function isServable(record: TagRecord, now: number, maxAgeMs: number): boolean {
  const ageMs = now - record.resolvedAt
  return ageMs <= maxAgeMs && ageMs >= -clockSkewMs
}
