import { createHash, type Hash } from 'node:crypto'
import {
  type ChunkLayout,
  type Digest,
  type DigestAlgorithm,
  digestFromHash,
  type ReadonlyChunkSet,
} from '@shoal/content'
import type { BlobFile } from './blob-file.ts'

export interface PrefixHashInit {
  readonly algorithm: DigestAlgorithm
  readonly layout: ChunkLayout
  readonly held: ReadonlyChunkSet
  readonly file: BlobFile
}

/**
 * The digest of a blob that arrives in any order: it advances over the gapless beginning while chunks land,
 * from memory when the chunk that landed is the next one and from the file otherwise, so that little is
 * left to do when the last chunk is there.
 */
export class PrefixHash {
  readonly #init: PrefixHashInit
  #hash: Hash
  /** The first chunk that is not hashed yet. */
  #next = 0
  /** Counts restarts, so that a read begun before one is not used after it. */
  #restarts = 0
  /** Catching up from the file while the owner does other things. */
  #behind: { readonly ended: Promise<void>; readonly stop: AbortController } | undefined
  #stopped = false
  /** What is read goes here: one advance at a time. */
  #buffer: Buffer | undefined

  constructor(init: PrefixHashInit) {
    this.#init = init
    this.#hash = createHash(init.algorithm)
  }

  /** Tells that a chunk is held now. `bytes` are not kept. */
  offer(index: number, bytes: Uint8Array): void {
    if (this.#stopped || this.#behind !== undefined) return
    if (index === this.#next) {
      this.#hash.update(bytes)
      this.#next++
    }
    if (this.#hasMore()) {
      const stop = new AbortController()
      this.#behind = { ended: this.#advanceBehind(stop.signal), stop }
    }
  }

  /** Begins anew if any of the chunks that were dropped may have been hashed. */
  dropped(indexes: readonly number[]): void {
    if (indexes.every((index) => index > this.#next)) return
    this.#hash = createHash(this.#init.algorithm)
    this.#next = 0
    this.#restarts++
  }

  /** Hashes what is left. Every chunk must be held, and stay so. */
  async finish(signal: AbortSignal): Promise<Digest> {
    await this.#endBehind()
    await this.#advance(signal)
    return digestFromHash(this.#init.algorithm, this.#hash.copy().digest())
  }

  /** Ends the reading in the background. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#endBehind()
  }

  async #endBehind(): Promise<void> {
    this.#behind?.stop.abort()
    await this.#behind?.ended
  }

  async #advanceBehind(signal: AbortSignal): Promise<void> {
    await Promise.allSettled([this.#advance(signal)]) // if a read failed, finish() reads again and reports it
    this.#behind = undefined
  }

  #hasMore(): boolean {
    return this.#init.held.has(this.#next)
  }

  async #advance(signal: AbortSignal): Promise<void> {
    const { layout, file } = this.#init
    if (!this.#hasMore()) return
    // A chunk at a time: when writers keep the file threads busy, it is the number of reads that counts.
    this.#buffer ??= Buffer.allocUnsafeSlow(Math.min(layout.chunkLength, layout.size))
    const buffer = this.#buffer
    while (this.#hasMore()) {
      signal.throwIfAborted()
      const restarts = this.#restarts
      const chunk = buffer.subarray(0, layout.lengthOf(this.#next))
      await file.readInto(chunk, layout.rangeOf(this.#next).start)
      if (restarts !== this.#restarts) continue
      this.#hash.update(chunk)
      this.#next++
    }
  }
}
