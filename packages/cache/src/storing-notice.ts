import { type Descriptor, type Digest, StoreError } from '@shoal/content'
import type { CacheListener } from './cache-events.ts'

/** Blobs larger than the quota of which is remembered that they were told of. */
const maxTold = 1_000

/** Whether an error says that there is no room, or no right, to store something. */
export function isStoringTrouble(error: unknown): error is StoreError {
  return error instanceof StoreError && ['over-quota', 'disk-full', 'not-writable'].includes(error.fault)
}

/** Tells that blobs can't be stored: once, not for each of the layers of each pull. */
export class StoringNotice {
  readonly #onEvent: CacheListener
  readonly #tooLarge = new Set<Digest>()
  #failing = false

  constructor(onEvent: CacheListener) {
    this.#onEvent = onEvent
  }

  failed({ digest }: Pick<Descriptor, 'digest'>, { fault, message }: StoreError): void {
    if (fault === 'over-quota') {
      if (this.#tooLarge.has(digest)) return
      if (this.#tooLarge.size >= maxTold) this.#tooLarge.clear()
      this.#tooLarge.add(digest)
    } else if (fault === 'disk-full' || fault === 'not-writable') {
      if (this.#failing) return
      this.#failing = true
    } else return
    this.#onEvent({ type: 'not-storing', digest, fault, reason: message })
  }

  /** A blob was stored. */
  worked(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#onEvent({ type: 'storing-again' })
  }
}
