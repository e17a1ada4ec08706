/**
 * Who sends a chunk next: a bounded number at the same time, and of those who wait the one that was served least, so
 * that a peer which asks for much does not keep others waiting. (Start-time fair queueing, Goyal et al., 1996: a client
 * that was away gets no credit for it.)
 */
export class UploadTurns<Client extends object> {
  #free: number
  readonly #waiting = new Set<Client>()
  /** Bytes served, on a clock that newcomers start at. */
  readonly #served = new WeakMap<Client, number>()
  #clock = 0

  constructor(slots: number) {
    this.#free = slots
  }

  /** The client would send a chunk; true if it may at once. Else its turn comes with someone's {@link done}. */
  ask(client: Client): boolean {
    if (!this.#served.has(client)) this.#served.set(client, this.#clock)
    if (this.#free === 0) {
      this.#waiting.add(client)
      return false
    }
    this.#free--
    this.#begin(client)
    return true
  }

  /** The client has sent so many bytes, and its turn is over. Returns whose turn it is now. */
  done(client: Client, bytes: number): Client | undefined {
    this.#served.set(client, (this.#served.get(client) ?? this.#clock) + bytes)
    const next = this.#leastServed()
    if (next === undefined) {
      this.#free++
      return undefined
    }
    this.#waiting.delete(next)
    this.#begin(next)
    return next
  }

  /** The client does not wait any longer. */
  forget(client: Client): void {
    this.#waiting.delete(client)
  }

  #begin(client: Client): void {
    const served = Math.max(this.#served.get(client) ?? 0, this.#clock)
    this.#served.set(client, served)
    this.#clock = served
  }

  #leastServed(): Client | undefined {
    let least: Client | undefined
    let leastServed = Number.POSITIVE_INFINITY
    for (const client of this.#waiting) {
      const served = Math.max(this.#served.get(client) ?? 0, this.#clock)
      if (served >= leastServed) continue
      least = client
      leastServed = served
    }
    return least
  }
}
