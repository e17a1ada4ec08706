/** Who has a blob changes while it spreads; those who pull it hear of newcomers from its coordinator. */
const foundMs = 5_000
/** What nobody has may be announced any moment. Long enough that the clients of one pull search once. */
const missingMs = 1_000
/** A pull asks for some tens of blobs. At 20 providers each, 1 MB. */
const maxKept = 1_024

interface Remembered {
  readonly peers: readonly string[]
  /** Whether the search went on to its end. */
  readonly isComplete: boolean
  readonly atMs: number
}

/** What the last searches found. Times are in milliseconds, of one monotonic clock. */
export class ProviderMemory {
  readonly #searches = new Map<string, Remembered>()

  remember(key: string, found: Remembered): void {
    this.#searches.delete(key)
    this.#searches.set(key, found)
    const [oldest] = this.#searches.keys()
    if (this.#searches.size > maxKept && oldest !== undefined) this.#searches.delete(oldest)
  }

  forget(key: string): void {
    this.#searches.delete(key)
  }

  /** Forgets what was not found: somebody has come who was not asked. */
  forgetMissing(): void {
    for (const [key, { peers }] of this.#searches) if (peers.length === 0) this.#searches.delete(key)
  }

  /**
   * What another search would find, of those that `isUsable`; undefined when it must be made. A search that was ended
   * early does for no more than it found.
   */
  recall(
    key: string,
    options: { readonly limit: number; readonly nowMs: number; readonly isUsable: (peer: string) => boolean },
  ): string[] | undefined {
    const known = this.#searches.get(key)
    if (known === undefined) return undefined
    const { limit, nowMs, isUsable } = options
    const usable = known.peers.filter(isUsable)
    const isFresh = nowMs - known.atMs < (usable.length > 0 ? foundMs : missingMs)
    return isFresh && (known.isComplete || usable.length >= limit) ? usable : undefined
  }
}
