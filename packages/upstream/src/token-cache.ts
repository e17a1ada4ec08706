import { LRUCache } from 'lru-cache'
import { untilAborted } from './until-aborted.ts'

/** A Bearer token. Never logged, never part of a message. */
export interface Token {
  readonly value: string
  readonly lifetimeMs: number
}

interface Entry {
  readonly value: string
  readonly freshUntil: number
}

/** One for each repository that a node pulls from. */
const maxTokens = 1_000
/** A token that ends while its request is under way is no use. */
const refreshEarlyMs = 10_000
/** Whatever a service promises, ask again after this: rights change. */
const maxLifetimeMs = 60 * 60 * 1_000

/** Tokens by what they are good for. Several that need the same one at once wait for one request. */
export class TokenCache {
  readonly #now: () => number
  readonly #entries = new LRUCache<string, Entry>({ max: maxTokens })
  readonly #pending = new Map<string, Promise<string>>()

  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * The token that is cached under `key`, or the one that `load` gets.
   *
   * @throws what `load` throws, to everybody who waits for it; the signal's reason, to its owner alone
   */
  async get(key: string, load: () => Promise<Token>, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    const entry = this.#entries.get(key)
    if (entry !== undefined && this.#now() < entry.freshUntil) return entry.value
    let pending = this.#pending.get(key)
    if (pending === undefined) {
      pending = this.#load(key, load).finally(() => this.#pending.delete(key))
      this.#pending.set(key, pending)
    }
    return untilAborted(pending, signal)
  }

  /** Forgets a token that the registry did not take. A newer one under the same key stays. */
  reject(key: string, value: string): void {
    if (this.#entries.peek(key)?.value === value) this.#entries.delete(key)
  }

  async #load(key: string, load: () => Promise<Token>): Promise<string> {
    const { value, lifetimeMs } = await load()
    const usableMs = Math.min(lifetimeMs, maxLifetimeMs)
    const freshUntil = this.#now() + usableMs - Math.min(refreshEarlyMs, usableMs / 2)
    this.#entries.set(key, { value, freshUntil })
    return value
  }
}
