import { hash } from 'node:crypto'
import {
  type ContentAddress,
  type Descriptor,
  type Digest,
  digestFromHash,
  type FetchOptions,
  freeMemory,
  type Origin,
  type OriginContent,
  OriginError,
  type OriginListing,
} from '@shoal/content'

export interface OriginFaults {
  /** Nothing answers. */
  down?: boolean
  /** Ranges are ignored: every answer is the whole. */
  ignoresRanges?: boolean
  /** Answers are cut after so many bytes. */
  cutAfter?: number
  /** So many requests for content are answered with 429. */
  limits?: number
  /** What such an answer asks to wait, in milliseconds. */
  retryAfterMs?: number
  /** How long 256 KiB take on the line that all answers share. */
  lineMs?: number
}

/** An origin in memory that counts what it sends, paced so that a swarm has time to form, and that can fail. */
export class MemoryOrigin implements Origin {
  readonly faults: OriginFaults = {}
  readonly #blobs = new Map<Digest, Uint8Array>()
  readonly #pauseMs: number
  #line: Promise<void> = Promise.resolve()
  bytesSent = 0
  fetches = 0

  /** @param pauseMs between pieces of 256 KiB */
  constructor(pauseMs = 0) {
    this.#pauseMs = pauseMs
  }

  add(bytes: Uint8Array): ContentAddress {
    const digest = digestFromHash('sha256', hash('sha256', bytes, 'buffer'))
    this.#blobs.set(digest, bytes)
    return { repository: { registry: 'registry.test', name: 'a/b' }, kind: 'blob', digest }
  }

  /** Has it send other bytes under the digest. */
  replace({ digest }: ContentAddress, bytes: Uint8Array): void {
    this.#blobs.set(digest, bytes)
  }

  async resolve(): Promise<Descriptor> {
    throw new OriginError('not-found', 'this origin has no tags')
  }

  async describe({ digest }: ContentAddress): Promise<Descriptor> {
    return { digest, size: this.#find(digest).length, mediaType: 'application/octet-stream' }
  }

  async fetch({ digest }: ContentAddress, options: FetchOptions = {}): Promise<OriginContent> {
    this.fetches++
    this.#limit()
    const bytes = this.#find(digest)
    const whole = { start: 0, end: bytes.length }
    const range = this.faults.ignoresRanges ? whole : (options.range ?? whole)
    const body = this.#send(bytes.subarray(range.start, range.end), options)
    return { size: bytes.length, mediaType: 'application/octet-stream', range, body }
  }

  async listTags(): Promise<OriginListing> {
    throw new OriginError('not-found', 'this origin has no tags')
  }

  async listReferrers(): Promise<OriginListing> {
    throw new OriginError('not-found', 'this origin has no referrers')
  }

  async *#send(bytes: Uint8Array, { signal, borrow }: FetchOptions): AsyncGenerator<Uint8Array> {
    const { cutAfter = Number.POSITIVE_INFINITY } = this.faults
    for (let start = 0; start < bytes.length; start += 256 * 1024) {
      if (start >= cutAfter || this.faults.down)
        throw new OriginError('unavailable', 'the origin cut the connection')
      signal?.throwIfAborted()
      if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs))
      await this.#passLine()
      signal?.throwIfAborted()
      const piece = new Uint8Array(bytes.subarray(start, Math.min(start + 256 * 1024, cutAfter)))
      this.bytesSent += piece.length
      yield piece
      if (borrow === true) freeMemory(piece)
    }
  }

  /** Pieces of all answers pass one after the other. */
  async #passLine(): Promise<void> {
    const { lineMs } = this.faults
    if (lineMs === undefined) return
    this.#line = this.#line.then(() => new Promise((resolve) => setTimeout(resolve, lineMs)))
    await this.#line
  }

  #limit(): void {
    const { limits = 0, retryAfterMs = 0 } = this.faults
    if (limits === 0) return
    this.faults.limits = limits - 1
    throw new OriginError('rate-limited', 'the origin answers 429', { retryAfterMs })
  }

  #find(digest: Digest): Uint8Array {
    if (this.faults.down) throw new OriginError('unavailable', 'connection refused')
    const bytes = this.#blobs.get(digest)
    if (bytes === undefined) throw new OriginError('not-found', 'the origin answers 404')
    return bytes
  }
}
