import type { TagRecord } from '@shoal/content'

/** Clocks of a cluster's nodes may differ by this much. */
const clockSkewMs = 5 * 60_000

/** Whether a record is young enough to serve. One from the future is a broken clock or a lie. */
export function isServable(record: TagRecord, now: number, maxAgeMs: number): boolean {
  const ageMs = now - record.resolvedAt
  return ageMs <= maxAgeMs && ageMs >= -clockSkewMs
}
