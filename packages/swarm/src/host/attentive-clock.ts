/** A tick that comes this many intervals after the last shows that the process was held up. */
const lateIntervals = 2

export interface AttentiveClockInit {
  /** How often {@link AttentiveClock.tick} will be called, in milliseconds. */
  readonly intervalMs: number
  /** The time that goes on whatever happens, in milliseconds. @default performance.now */
  readonly time?: () => number
}

/**
 * A monotonic clock that stands still while this process is held up, by a busy machine or a suspended one: it heard
 * nobody then, so that time shows nobody to be silent. What came meanwhile is still to be read when the timers fire.
 */
export class AttentiveClock {
  readonly #intervalMs: number
  readonly #time: () => number
  #tickedAt: number
  #heldUpMs = 0
  #latest: number

  constructor({ intervalMs, time = () => performance.now() }: AttentiveClockInit) {
    this.#intervalMs = intervalMs
    this.#time = time
    this.#tickedAt = time()
    this.#latest = this.#tickedAt
  }

  /** Milliseconds. */
  now(): number {
    this.#latest = Math.max(this.#latest, this.#time() - this.#heldUpMs)
    return this.#latest
  }

  /** To be called at the interval. */
  tick(): void {
    const time = this.#time()
    const elapsedMs = time - this.#tickedAt
    this.#tickedAt = time
    if (elapsedMs > lateIntervals * this.#intervalMs) this.#heldUpMs += elapsedMs - this.#intervalMs
  }
}
