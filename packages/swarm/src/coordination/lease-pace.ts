/** Enough for a registry that is as fast as a few nodes; with more, each would get so little that the first chunks come late. */
const firstGoal = 16
/** So many begin, and one more with each chunk that lands: if all began at once, even the first chunk would come late. */
const fetchersAtStart = 4
/** With fewer, upstream idles while a lease travels. */
const minFetchers = 10
/** As many connections as an origin takes without complaint. */
const maxFetchers = 64
/** By so much the number is changed for a trial. */
const step = 1.5
/** More fetchers are kept if they bring this much more. */
const worthwhile = 1.15
/** Fewer are kept if they bring no less than this part. */
const enough = 0.95
/** Where a chunk takes longer to come, fewer fetchers may bring each sooner. */
const longChunkMs = 1_000
const minEpochMs = 250
const landingsPerFetcher = 2
/** After a trial did not pay, so many epochs pass before the next. */
const patienceEpochs = 10

/**
 * How many members of a swarm fetch from upstream at the same time: few, so that each chunk comes soon and can spread
 * while the next come, but as many as it takes to get what upstream can give. Found by trying: a hill climb on the rate
 * at which chunks land, down where each takes long and up where it does not. The first chunks come to a few, so that
 * the swarm has something to share early; like TCP's slow start, this doubles the number with every chunk's time.
 */
export class LeasePace {
  #goal = firstGoal
  #landedInAll = 0
  /** Fetchers and rate of the epoch before the trial; undefined when there is none. */
  #before: Epoch | undefined
  #epochStart: number | undefined
  #landings = 0
  #patience = 0

  /** How many members may fetch now. */
  get fetchers(): number {
    return Math.min(this.#goal, fetchersAtStart + this.#landedInAll)
  }

  /** How many are to fetch, once the first chunks have landed. */
  get goal(): number {
    return this.#goal
  }

  /** A leased chunk landed; `busy` members hold leases. Times in milliseconds. */
  landed(busy: number, now: number): void {
    this.#landedInAll++
    // With fewer at work than may be, the rate says nothing about the limit.
    if (busy < this.#goal || this.#epochStart === undefined) return this.#restart(now)
    this.#landings++
    const elapsedMs = now - this.#epochStart
    if (elapsedMs < minEpochMs || this.#landings < landingsPerFetcher * this.#goal) return
    this.#judge(this.#landings / elapsedMs)
    this.#restart(now)
  }

  /** @param rate - chunks per millisecond */
  #judge(rate: number): void {
    const before = this.#before
    this.#before = undefined
    if (before !== undefined && !hasPaid(before, { fetchers: this.#goal, rate })) {
      this.#goal = before.fetchers
      this.#patience = patienceEpochs
    } else if (this.#patience > 0) {
      this.#patience--
    } else {
      this.#try(rate)
    }
  }

  #try(rate: number): void {
    // Little's law.
    const chunkMs = this.#goal / rate
    const next =
      chunkMs > longChunkMs
        ? Math.max(minFetchers, Math.floor(this.#goal / step))
        : Math.min(maxFetchers, Math.ceil(this.#goal * step))
    if (next === this.#goal || (next > this.#goal && chunkMs * step > longChunkMs)) return
    this.#before = { fetchers: this.#goal, rate }
    this.#goal = next
  }

  #restart(now: number): void {
    this.#epochStart = now
    this.#landings = 0
  }
}

interface Epoch {
  readonly fetchers: number
  readonly rate: number
}

function hasPaid(before: Epoch, now: Epoch): boolean {
  const grew = now.fetchers > before.fetchers
  return grew ? now.rate >= before.rate * worthwhile : now.rate >= before.rate * enough
}
