import type { Digest } from '@shoal/content'
import type { CacheIndex } from './cache-index.ts'

/** An eviction order that is off by a minute after a crash is as good; a write for each hit is not. */
const flushIntervalMs = 60_000

/** When each blob was last opened: kept in memory, written to the index now and then. */
export class LastUse {
  readonly #index: CacheIndex
  readonly #now: () => number
  #unwritten = new Map<Digest, number>()
  #flushedAt: number
  #flushing: Promise<unknown> = Promise.resolve()

  constructor(index: CacheIndex, now: () => number) {
    this.#index = index
    this.#now = now
    this.#flushedAt = now()
  }

  touch(digest: Digest): void {
    const now = this.#now()
    this.#unwritten.set(digest, now)
    if (now - this.#flushedAt < flushIntervalMs) return
    this.#flushedAt = now
    this.#flushing = Promise.allSettled([this.#flushing, this.#flush()])
  }

  forget(digest: Digest): void {
    this.#unwritten.delete(digest)
  }

  /** Milliseconds since the epoch; undefined for a blob that was never opened. */
  async get(digest: Digest): Promise<number | undefined> {
    return this.#unwritten.get(digest) ?? (await this.#index.uses.get(digest))
  }

  /** Writes what is left. A disk that is full costs the eviction some of its order, and nothing else. */
  async stop(): Promise<void> {
    this.#flushing = Promise.allSettled([this.#flushing, this.#flush()])
    await this.#flushing
  }

  async #flush(): Promise<void> {
    const writing = this.#unwritten
    if (writing.size === 0) return
    this.#unwritten = new Map()
    try {
      await this.#index.commit([...writing].map(([digest, at]) => this.#index.uses.put(digest, at)))
    } catch (error) {
      this.#unwritten = new Map([...writing, ...this.#unwritten]) // the next flush tries again
      throw error
    }
  }
}
