/**
 * How long a peer that left may take to come back before its records are thrown away: longer than the restart of an
 * agent takes, which would announce thousands of blobs again.
 */
const graceMs = 2 * 60_000

/**
 * Peers whose last connection has closed. No node closes one that works, and who keeps a record was connected with the
 * provider when it was told. So who was connected and is not any more has stopped, died or hangs: it is named to nobody,
 * and needs no farewell.
 */
export class DepartedPeers {
  readonly #now: () => number
  /** When each left, in milliseconds; who left first comes first. */
  readonly #left = new Map<string, number>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  left(peer: string): void {
    this.#left.delete(peer)
    this.#left.set(peer, this.#now())
  }

  returned(peer: string): void {
    this.#left.delete(peer)
  }

  has(peer: string): boolean {
    return this.#left.has(peer)
  }

  /** Forgets those who have been away for two minutes, and returns them: what they announced is no more. */
  takeLost(): Set<string> {
    const lost = new Set<string>()
    for (const [peer, at] of this.#left) {
      if (this.#now() - at < graceMs) break
      lost.add(peer)
      this.#left.delete(peer)
    }
    return lost
  }
}
