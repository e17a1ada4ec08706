/** Enough for a registry that is as fast as a few nodes; with more, each would get so little that the first chunks come late. */
const minFetchers = 16
/** As many connections as an origin takes without complaint. */
const maxFetchers = 64
const growth = 1.5
/** More fetchers are kept if they bring this much more. */
const worthwhile = 1.15
const minEpochMs = 250
const landingsPerFetcher = 2
/** After growth did not pay, so many epochs pass before it is tried again. */
const patienceEpochs = 10

/**
 * How many members of a swarm fetch from upstream at the same time: few, so that each chunk comes soon and can spread
 * while the next come, but as many as it takes to get what upstream can give. Found by trying: a hill climb on the rate
 * at which chunks land.
 */
export class LeasePace {
  #fetchers = minFetchers
  /** Fetchers and rate of the epoch before the last growth; undefined when not in a trial. */
  #before: { readonly fetchers: number; readonly rate: number } | undefined
  #epochStart: number | undefined
  #landings = 0
  #patience = 0

  get fetchers(): number {
    return this.#fetchers
  }

  /** A leased chunk landed; `busy` members hold leases. Times in milliseconds. */
  landed(busy: number, now: number): void {
    // With fewer at work than may be, the rate says nothing about the limit.
    if (busy < this.#fetchers || this.#epochStart === undefined) return this.#restart(now)
    this.#landings++
    const elapsedMs = now - this.#epochStart
    if (elapsedMs < minEpochMs || this.#landings < landingsPerFetcher * this.#fetchers) return
    this.#judge(this.#landings / elapsedMs)
    this.#restart(now)
  }

  #judge(rate: number): void {
    const before = this.#before
    this.#before = undefined
    if (before !== undefined && rate < before.rate * worthwhile) {
      this.#fetchers = before.fetchers
      this.#patience = patienceEpochs
    } else if (this.#patience > 0) {
      this.#patience--
    } else if (this.#fetchers < maxFetchers) {
      this.#before = { fetchers: this.#fetchers, rate }
      this.#fetchers = Math.min(maxFetchers, Math.ceil(this.#fetchers * growth))
    }
  }

  #restart(now: number): void {
    this.#epochStart = now
    this.#landings = 0
  }
}
