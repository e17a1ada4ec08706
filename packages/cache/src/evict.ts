import type { Digest } from '@shoal/content'

/** A complete blob, as eviction sees it. */
export interface EvictionCandidate {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch; undefined for one that was never opened. */
  readonly lastUsedAt: number | undefined
  /** Somebody has it open: its bytes would stay on the disk, and be fetched again. */
  readonly isOpen: boolean
}

/** Which blobs to remove so that the rest fits into the quota: the least recently used first, none that is open. */
export function chooseEvictions(blobs: readonly EvictionCandidate[], quotaBytes: number): Digest[] {
  let excess = blobs.reduce((sum, { size }) => sum + size, 0) - quotaBytes
  const evictions: Digest[] = []
  for (const { digest, size } of blobs
    .filter(({ isOpen }) => !isOpen)
    .sort((a, b) => (a.lastUsedAt ?? 0) - (b.lastUsedAt ?? 0))) {
    if (excess <= 0) break
    evictions.push(digest)
    excess -= size
  }
  return evictions
}
