import FlatQueue from 'flatqueue'

/** Delays that recur get a lane; so many are remembered until it shows that they do. */
const maxLanes = 256
const maxRemembered = 4_096

/** Events planned with one and the same delay: the order of planning is the order of their times, so no search is needed. */
class Lane {
  #at = new Float64Array(64)
  #events: (() => void)[] = []
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get nextAt(): number {
    return this.#at[this.#head] as number
  }

  push(at: number, event: () => void): void {
    if (this.#size === this.#at.length) this.#grow()
    const place = (this.#head + this.#size++) & (this.#at.length - 1)
    this.#at[place] = at
    this.#events[place] = event
  }

  shift(): () => void {
    const event = this.#events[this.#head] as () => void
    this.#head = (this.#head + 1) & (this.#at.length - 1)
    this.#size--
    return event
  }

  #grow(): void {
    const at = new Float64Array(2 * this.#at.length)
    const events: (() => void)[] = []
    for (let place = 0; place < this.#size; place++) {
      const from = (this.#head + place) & (this.#at.length - 1)
      at[place] = this.#at[from] as number
      events.push(this.#events[from] as () => void)
    }
    this.#at = at
    this.#events = events
    this.#head = 0
  }
}

/** A clock that jumps from event to event. Events at the same instant run in the order in which they were planned. */
export class VirtualTime {
  /** Lanes by the time of their next event, and events whose delay is their own. */
  readonly #queue = new FlatQueue<Lane | (() => void)>()
  /** Undefined for a delay that was seen once. */
  readonly #lanes = new Map<number, Lane | undefined>()
  #laneCount = 0
  #now = 0
  #planned = 0

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now
  }

  /** Calls `event` in so many milliseconds. */
  after(ms: number, event: () => void): void {
    // The fraction is far below what matters: it only keeps the order of planning among equals.
    const at = this.#now + ms + this.#planned++ * 1e-11
    const lane = this.#laneOf(ms)
    if (lane === undefined) {
      this.#queue.push(event, at)
      return
    }
    lane.push(at, event)
    if (lane.size === 1) this.#queue.push(lane, at)
  }

  /** Runs events until there are none, or `isOver`. */
  run(isOver: () => boolean): void {
    while (this.#queue.length > 0 && !isOver()) {
      this.#now = Math.max(this.#now, this.#queue.peekValue() as number)
      const next = this.#queue.pop() as Lane | (() => void)
      if (typeof next === 'function') {
        next()
        continue
      }
      const event = next.shift()
      if (next.size > 0) this.#queue.push(next, next.nextAt)
      event()
    }
  }

  #laneOf(ms: number): Lane | undefined {
    const known = this.#lanes.get(ms)
    if (known !== undefined) return known
    if (!this.#lanes.has(ms)) {
      if (this.#lanes.size < maxRemembered) this.#lanes.set(ms, undefined)
      return undefined
    }
    if (this.#laneCount === maxLanes) return undefined
    this.#laneCount++
    const lane = new Lane()
    this.#lanes.set(ms, lane)
    return lane
  }
}
