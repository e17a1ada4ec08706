import type { VirtualTime } from './virtual-time.ts'

/** Something with a bandwidth that the flows through it share alike: an uplink, a downlink, a line between zones. */
export class Link {
  /** Bytes per millisecond. */
  readonly rate: number
  readonly flows = new Set<Flow>()

  constructor(rate: number) {
    this.rate = rate
  }

  get share(): number {
    return this.rate / this.flows.size
  }
}

/**
 * Bytes on their way through some links. Its rate is its share of the narrowest of them: what it leaves unused elsewhere is
 * not given to others, so the network is a little slower than TCP would make it.
 */
export class Flow {
  readonly #time: VirtualTime
  readonly #links: readonly Link[]
  readonly #onEnd: () => void
  readonly #bytes: number
  #remaining: number
  #rate = 0
  #settledAt: number
  /** When the event that is planned for its end will come; it may be too early, never too late. */
  #plannedAt = Number.POSITIVE_INFINITY
  #ended = false

  constructor(time: VirtualTime, init: { links: readonly Link[]; bytes: number; onEnd: () => void }) {
    this.#time = time
    this.#links = init.links
    this.#onEnd = init.onEnd
    this.#bytes = init.bytes
    this.#remaining = init.bytes
    this.#settledAt = time.now
    for (const link of this.#links) link.flows.add(this)
    this.#shareAnew()
  }

  /** Bytes that have passed. */
  get passed(): number {
    this.#settle()
    return this.#bytes - this.#remaining
  }

  /** Ends it before its time. */
  cut(): void {
    if (this.#ended) return
    this.#settle()
    this.#close()
  }

  #close(): void {
    this.#ended = true
    for (const link of this.#links) link.flows.delete(this)
    this.#shareAnew()
  }

  #shareAnew(): void {
    for (const link of this.#links) for (const flow of link.flows) flow.#adapt()
  }

  #adapt(): void {
    let rate = Number.POSITIVE_INFINITY
    for (const link of this.#links) rate = Math.min(rate, link.share)
    if (rate === this.#rate) return
    this.#settle()
    this.#rate = rate
    this.#plan()
  }

  #settle(): void {
    this.#remaining -= this.#rate * (this.#time.now - this.#settledAt)
    this.#settledAt = this.#time.now
  }

  #plan(): void {
    const endsAt = this.#time.now + this.#remaining / this.#rate
    if (endsAt >= this.#plannedAt) return
    this.#plannedAt = endsAt
    this.#time.after(endsAt - this.#time.now, () => this.#check())
  }

  #check(): void {
    if (this.#ended) return
    this.#plannedAt = Number.POSITIVE_INFINITY
    this.#settle()
    if (this.#remaining > 0.5) return this.#plan()
    this.#remaining = 0
    this.#close()
    this.#onEnd()
  }
}
