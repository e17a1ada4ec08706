import FlatQueue from 'flatqueue'

/** A clock that jumps from event to event. Events at the same instant run in the order in which they were planned. */
export class VirtualTime {
  readonly #queue = new FlatQueue<() => void>()
  #now = 0
  #planned = 0

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now
  }

  /** Calls `event` in so many milliseconds. */
  after(ms: number, event: () => void): void {
    // The fraction is far below what matters: it only keeps the order of planning among equals.
    this.#queue.push(event, this.#now + ms + this.#planned++ * 1e-11)
  }

  /** Runs events until there are none, or `isOver`. */
  run(isOver: () => boolean): void {
    while (this.#queue.length > 0 && !isOver()) {
      const at = this.#queue.peekValue() ?? this.#now
      this.#now = Math.max(this.#now, at)
      this.#queue.pop()?.()
    }
  }
}
