import type { Descriptor, Digest } from '@shoal/content'
import type { EvictionCandidate } from './evict.ts'

interface ResidentBlob {
  readonly descriptor: Descriptor
  lastUsedAt: number
}

interface ResidentPartial {
  /** Bytes written. */
  written: number
  /** Bytes that its owner still has to write; 0 when it has none. */
  promised: number
  lastUsedAt: number
}

/** What lies on the disk and when it was used, in memory: so that a miss costs nothing, and a decision no scan. */
export class Residents {
  readonly #blobs = new Map<Digest, ResidentBlob>()
  readonly #partials = new Map<Digest, ResidentPartial>()
  #own = 0
  #promised = 0

  /** Bytes that blobs and partial blobs take. */
  get ownBytes(): number {
    return this.#own
  }

  /** Bytes still to be written. */
  get promisedBytes(): number {
    return this.#promised
  }

  get(digest: Digest): Descriptor | undefined {
    return this.#blobs.get(digest)?.descriptor
  }

  /** Milliseconds since the epoch; 0 for what was never used. */
  lastUsedAt(digest: Digest): number {
    return this.#blobs.get(digest)?.lastUsedAt ?? 0
  }

  addBlob(descriptor: Descriptor, lastUsedAt: number): void {
    this.removeBlob(descriptor.digest)
    this.#blobs.set(descriptor.digest, { descriptor, lastUsedAt })
    this.#own += descriptor.size
  }

  removeBlob(digest: Digest): boolean {
    this.#own -= this.#blobs.get(digest)?.descriptor.size ?? 0
    return this.#blobs.delete(digest)
  }

  touch(digest: Digest, now: number): void {
    const blob = this.#blobs.get(digest)
    if (blob !== undefined) blob.lastUsedAt = now
  }

  /** Bytes of a partial blob that are written. */
  writtenOf(digest: Digest): number {
    return this.#partials.get(digest)?.written ?? 0
  }

  setPartial(digest: Digest, partial: ResidentPartial): void {
    this.removePartial(digest)
    this.#partials.set(digest, { ...partial })
    this.#own += partial.written
    this.#promised += partial.promised
  }

  removePartial(digest: Digest): void {
    const { written = 0, promised = 0 } = this.#partials.get(digest) ?? {}
    this.#own -= written
    this.#promised -= promised
    this.#partials.delete(digest)
  }

  /** A chunk was written. One that replaces another takes no more room. */
  partialGrew(digest: Digest, bytes: number): void {
    const partial = this.#partials.get(digest)
    if (partial === undefined) return
    const grown = Math.min(bytes, partial.promised)
    partial.written += grown
    partial.promised -= grown
    this.#own += grown
    this.#promised -= grown
  }

  /** What was written of it is gone; its room stays promised to what comes instead. */
  partialStartsAnew(digest: Digest): void {
    const partial = this.#partials.get(digest)
    if (partial === undefined) return
    const { written, promised, lastUsedAt } = partial
    this.setPartial(digest, { written: 0, promised: written + promised, lastUsedAt })
  }

  /** Its owner let go of it; what was written stays. */
  leavePartial(digest: Digest, now: number): void {
    const partial = this.#partials.get(digest)
    if (partial === undefined) return
    this.setPartial(digest, { written: partial.written, promised: 0, lastUsedAt: now })
  }

  /** The complete blobs, the most recently used first. */
  byUse(): Descriptor[] {
    const blobs = [...this.#blobs.values()].sort((a, b) => b.lastUsedAt - a.lastUsedAt)
    return blobs.map(({ descriptor }) => descriptor)
  }

  /** Of complete and partial blobs. */
  digests(): Digest[] {
    return [...new Set([...this.#blobs.keys(), ...this.#partials.keys()])]
  }

  /** All but what `isKept` says must stay. */
  candidates(isKept: (digest: Digest) => boolean): EvictionCandidate[] {
    return this.digests().flatMap((digest) => (isKept(digest) ? [] : this.candidatesOf(digest)))
  }

  /** What there is of a blob: it, or what was written of it. */
  candidatesOf(digest: Digest): EvictionCandidate[] {
    const blob = this.#blobs.get(digest)
    const partial = this.#partials.get(digest)
    const candidates: EvictionCandidate[] = []
    if (blob !== undefined) {
      const { descriptor, lastUsedAt } = blob
      candidates.push({ digest, kind: 'blob', bytes: descriptor.size, lastUsedAt })
    }
    if (partial !== undefined) {
      const { written, lastUsedAt } = partial
      candidates.push({ digest, kind: 'partial', bytes: written, lastUsedAt })
    }
    return candidates
  }
}
