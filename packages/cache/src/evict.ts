import type { Digest } from '@shoal/content'

/** Something on the disk that could give way. */
export interface EvictionCandidate {
  readonly digest: Digest
  /** What is left of a blob that nobody fills any more, or a complete one. */
  readonly kind: 'blob' | 'partial'
  /** Bytes that it takes on the disk. */
  readonly bytes: number
  /** Milliseconds since the epoch; 0 for one that was never used. */
  readonly lastUsedAt: number
}

/** How the file system's space is used. Bytes. */
export interface SpaceUse {
  /** What the cache's own files take. */
  readonly own: number
  /** What blobs that are being filled still have to write. */
  readonly promised: number
  /** What the file system has free. */
  readonly free: number
}

/** Bytes. */
export interface SpaceLimits {
  /** What the cache's own files may take. */
  readonly quota: number
  /** What the file system has to keep free. */
  readonly minFree: number
}

/** Why something has to give way, or can't be stored. */
export type SpaceReason = 'quota' | 'free-space'

/** What is too much, and by which limit. Bytes; none when it is not above 0. */
export interface Excess {
  readonly bytes: number
  readonly reason: SpaceReason
}

/** By how much the limits would be exceeded if another blob came in. */
export function excessOf(use: SpaceUse, limits: SpaceLimits, incoming = 0): Excess {
  const expected = use.promised + incoming
  const overQuota = use.own + expected - limits.quota
  const underFree = limits.minFree - (use.free - expected)
  return overQuota >= underFree
    ? { bytes: overQuota, reason: 'quota' }
    : { bytes: underFree, reason: 'free-space' }
}

/** What to remove to gain so many bytes: what was not used for longest first, and no more than need be. */
export function chooseEvictions(
  candidates: readonly EvictionCandidate[],
  bytes: number,
): EvictionCandidate[] {
  let wanted = bytes
  const evictions: EvictionCandidate[] = []
  for (const candidate of [...candidates].sort((a, b) => a.lastUsedAt - b.lastUsedAt)) {
    if (wanted <= 0) break
    evictions.push(candidate)
    wanted -= candidate.bytes
  }
  return evictions
}
