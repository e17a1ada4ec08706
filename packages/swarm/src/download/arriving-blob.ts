import type { ChunkSource, PartialBlob, StoredBlob } from '@shoal/content'
import type { ServedBlob } from '../exchange/served-blob.ts'

/** The files of a download, and those who read from them: they stay open until it has ended and all have let go. */
export class ArrivingBlob {
  readonly #partial: PartialBlob
  readonly #landedListeners = new Set<(index: number) => void>()
  readonly #failed = new AbortController()
  readonly #closed = Promise.withResolvers<void>()
  #stored: StoredBlob | undefined
  #readers = 0
  #hasEnded = false
  #closing: Promise<void> | undefined

  constructor(partial: PartialBlob) {
    this.#partial = partial
  }

  get source(): ChunkSource {
    return this.#stored ?? this.#partial
  }

  /** Resolves when the files are closed. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  get hasFailed(): boolean {
    return this.#failed.signal.aborted
  }

  /** Undefined when the files are closed already: what came of the download is in the store. */
  serve({ isHeldBy, isOfRegistry }: Pick<ServedBlob, 'isHeldBy' | 'isOfRegistry'>): ServedBlob | undefined {
    if (this.#closing !== undefined) return undefined
    this.#readers++
    const getSource = () => this.source
    let released = false
    return {
      get source() {
        return getSource()
      },
      onLanded: (listener) => {
        this.#landedListeners.add(listener)
        return () => this.#landedListeners.delete(listener)
      },
      isHeldBy,
      isOfRegistry,
      failed: this.#failed.signal,
      release: async () => {
        if (released) return
        released = true
        this.#readers--
        await this.#closeUnread()
      },
    }
  }

  /** A chunk can be read. */
  landed(index: number): void {
    for (const listener of this.#landedListeners) listener(index)
  }

  /** From now on it is read from the store. */
  complete(stored: StoredBlob | undefined): void {
    this.#stored = stored
  }

  /** Nobody can be served any longer. */
  fail(): void {
    this.#failed.abort()
  }

  /** No more will come: the files are closed with the last reader. */
  async end(): Promise<void> {
    this.#hasEnded = true
    await this.#closeUnread()
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.all([this.#partial.close(), this.#stored?.close()]).then(() =>
      this.#closed.resolve(),
    )
    await this.#closing
  }

  async #closeUnread(): Promise<void> {
    if (this.#hasEnded && this.#readers === 0) await this.close()
  }
}
