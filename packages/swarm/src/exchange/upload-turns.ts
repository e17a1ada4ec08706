/**
 * Whose wants a node serves: a bounded number of chunks at the same time, so that each is soon sent and can be passed on.
 * A want that comes while all slots are taken is not queued: its sender is told to wait in line and to look elsewhere
 * meanwhile; when a slot is free, the client in line that was served least is granted it, and says then which chunk it
 * would have. (BitTorrent's choking, with start-time fair queueing, Goyal et al., 1996, for the order.)
 *
 * A slot is taken from the grant, or the accepted want, until the client says that the chunk is in: a holder can't see that,
 * its system takes whole chunks for many clients long before they have left.
 */
export class UploadTurns<Client extends object> {
  readonly #slots: () => number
  #taken = 0
  readonly #line = new Set<Client>()
  readonly #granted = new Set<Client>()
  /** What each was served, on a clock that newcomers start at: who was away gets no credit for it. */
  readonly #served = new WeakMap<Client, number>()
  #clock = 0

  /** @param slots - how many chunks may be sent at the same time now */
  constructor(slots: () => number) {
    this.#slots = slots
  }

  /** A client wants a chunk. True if it is to be sent; else the client waits in line from now on. */
  want(client: Client): boolean {
    if (this.#granted.delete(client)) return true
    if (this.#taken < this.#slots() && this.#line.size === 0) {
      this.#take(client)
      return true
    }
    this.#queue(client)
    return false
  }

  /** The client waits for a slot, or was granted one that it has not used yet. */
  isWaiting(client: Client): boolean {
    return this.#line.has(client) || this.#granted.has(client)
  }

  /** While others wait, one that is served goes back to the end of the line: true if so. */
  waitAgain(client: Client): boolean {
    if (this.#line.size === 0 || this.#granted.has(client)) return false
    this.#queue(client)
    return true
  }

  /** A chunk has gone out to the client at this cost, or came to nothing at none. Returns who is granted a slot now. */
  done(client: Client, cost: number): Client[] {
    this.#taken--
    this.#served.set(client, this.#servedOn(client) + cost)
    return this.grant()
  }

  /** The client makes no use of its grant. Returns who is granted a slot instead. */
  decline(client: Client): Client[] {
    if (!this.#granted.delete(client)) return []
    this.#taken--
    return this.grant()
  }

  /** The client is gone; what it has of accepted wants ends with {@link done}. Returns who is granted its slot. */
  leave(client: Client): Client[] {
    this.#line.delete(client)
    return this.decline(client)
  }

  /** Gives free slots to those in line. */
  grant(): Client[] {
    const granted: Client[] = []
    while (this.#taken < this.#slots()) {
      const next = this.#leastServed()
      if (next === undefined) break
      this.#line.delete(next)
      this.#granted.add(next)
      this.#take(next)
      granted.push(next)
    }
    return granted
  }

  #queue(client: Client): void {
    if (!this.#served.has(client)) this.#served.set(client, this.#clock)
    this.#line.add(client)
  }

  #take(client: Client): void {
    this.#taken++
    const served = this.#servedOn(client)
    this.#served.set(client, served)
    this.#clock = served
  }

  #servedOn(client: Client): number {
    return Math.max(this.#served.get(client) ?? 0, this.#clock)
  }

  #leastServed(): Client | undefined {
    let least: Client | undefined
    let leastServed = Number.POSITIVE_INFINITY
    for (const client of this.#line) {
      const served = this.#served.get(client) ?? 0
      if (served >= leastServed) continue
      least = client
      leastServed = served
    }
    return least
  }
}

/**
 * What a chunk costs a client that has so many sources: one with few needs more of each, or it would fall behind the
 * others, and a swarm is done when its last node is.
 */
export function uploadCost(bytes: number, sources: number): number {
  return bytes * Math.max(1, sources)
}
