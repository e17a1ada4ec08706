import { abortable } from '../host/abortable.ts'

export interface ProviderSearchInit {
  /** Searches, tells whom it finds, and says whether it came to its end. Ends early when the signal is aborted. */
  readonly run: (found: (peer: string) => void, signal: AbortSignal) => Promise<boolean>
  /** Called once, when the search has ended. */
  readonly onEnd: (found: readonly string[], isComplete: boolean) => void
}

/** One search that several callers read, each at its own pace; it ends when none is left. */
export class ProviderSearch {
  readonly #found = new Set<string>()
  readonly #ended = new AbortController()
  #readers = 0
  #isOver = false
  #changed = Promise.withResolvers<void>()

  constructor(init: ProviderSearchInit) {
    const found = (peer: string): void => {
      this.#found.add(peer)
      this.#wake()
    }
    void init
      .run(found, this.#ended.signal)
      .catch(() => false)
      .then((isComplete) => {
        this.#isOver = true
        init.onEnd([...this.#found], isComplete)
        this.#wake()
      })
  }

  /** Whether nobody reads it any more: it is ending. */
  get isAbandoned(): boolean {
    return this.#ended.signal.aborted
  }

  /**
   * Whom the search has found and finds, each once.
   *
   * @throws the signal's reason
   */
  async *read(signal: AbortSignal): AsyncGenerator<string> {
    this.#readers++
    try {
      let read = 0
      while (true) {
        const fresh = [...this.#found].slice(read)
        read += fresh.length
        yield* fresh
        if (this.#found.size > read) continue
        if (this.#isOver) return
        await abortable(this.#changed.promise, signal)
      }
    } finally {
      if (--this.#readers === 0) this.#ended.abort()
    }
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
