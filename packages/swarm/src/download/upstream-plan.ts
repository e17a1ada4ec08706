import { type ChunkLayout, type ChunkRun, ChunkSet } from '@shoal/content'
import type { ChunkLedger } from './chunk-ledger.ts'
import { type DownloadCommand, noCommands, type UpstreamFailure } from './download-events.ts'

/** Two requests at a time keep upstream's pipe full while the next lease travels. */
const maxFetches = 2
/** So many more are for clients that read elsewhere: they don't wait for what runs to end. */
const maxReaderFetches = 2
/** Chunks in one request: leases are as long as suits how fast they come. */
const maxRunChunks = 32
/** Where readers wait, or nobody knows how fast chunks come. */
const usualRunChunks = 8
/** After upstream failed, it is asked again this much later, doubling. */
const retryMs = 500
const maxFailures = 3
/** An origin that says "later" is believed, but for no longer than this at a time, and no longer than this in all. */
const maxRetryAfterMs = 30_000
const maxThrottledMs = 60_000

interface Fetch {
  readonly run: ChunkRun
  /** Chunks of it that still are to come from it. */
  readonly rest: Set<number>
}

/** The planner's view of upstream: what is leased to us, what is being fetched, whether asking makes sense. */
export class UpstreamPlan {
  readonly #layout: ChunkLayout
  readonly #ledger: ChunkLedger
  /** Leased to us and not yet being fetched. */
  readonly #leased: ChunkSet
  /** To be fetched without a lease: chunks that are disputed or proved wrong, or that a client waited for too long. */
  readonly #owed: ChunkSet
  readonly #fetches: Fetch[] = []
  /** What the coordinator was last told; undefined when it may have forgotten. */
  #willing: boolean | undefined
  #failure: UpstreamFailure | undefined
  #failures = 0
  #retryAt = 0
  /** Since when upstream has said nothing but "later". */
  #throttledSince: number | undefined

  constructor(init: { layout: ChunkLayout; ledger: ChunkLedger }) {
    this.#layout = init.layout
    this.#ledger = init.ledger
    this.#leased = new ChunkSet(init.layout.count)
    this.#owed = new ChunkSet(init.layout.count)
  }

  get isIdle(): boolean {
    return this.#fetches.length === 0
  }

  /** Why upstream will not be asked again, or undefined while it will. */
  get failure(): UpstreamFailure | undefined {
    return this.#failure?.final || this.#failures >= maxFailures ? this.#failure : undefined
  }

  isUsable(now: number): boolean {
    return this.failure === undefined && now >= this.#retryAt
  }

  /** Chunks that come from upstream by a lease: what a new coordinator has to know. */
  outstanding(): ChunkRun[] {
    const chunks = this.#leased.clone()
    for (const { rest } of this.#fetches) for (const index of rest) chunks.add(index)
    return chunks.runs()
  }

  owe(index: number): void {
    this.#owed.add(index)
  }

  /** Takes a lease; what is held by now goes back. */
  lease(runs: readonly ChunkRun[]): DownloadCommand[] {
    const unneeded: number[] = []
    for (const index of indexesOf(runs, this.#layout.count)) {
      if (this.#ledger.held.has(index)) unneeded.push(index)
      else if (!this.#ledger.isFetching(index)) this.#setLeased(index, true)
    }
    return unneeded.length > 0 ? [{ type: 'release', indexes: unneeded }] : []
  }

  /** Takes it that someone else fetches them. A request of which nothing is left is cut. */
  revoke(runs: readonly ChunkRun[]): DownloadCommand[] {
    this.#willing = undefined
    const commands: DownloadCommand[] = []
    for (const index of indexesOf(runs, this.#layout.count)) this.#setLeased(index, false)
    for (const { run, rest } of this.#fetches) {
      if (rest.size === 0) continue
      for (const index of indexesOf(runs, this.#layout.count)) {
        if (rest.delete(index)) this.#ledger.setUpstream(index, 'none')
      }
      if (rest.size === 0) commands.push({ type: 'cut', run })
    }
    return commands
  }

  /** Upstream does not know ranges: all of it comes now, whatever was asked for. */
  whole(run: ChunkRun): DownloadCommand[] {
    const fetch = this.#fetches.find((candidate) => candidate.run === run)
    if (fetch === undefined) return []
    const { count } = this.#layout
    const { held } = this.#ledger
    for (let index = held.firstMissing(0); index < count; index = held.firstMissing(index + 1)) {
      this.#leased.delete(index)
      this.#owed.delete(index)
      fetch.rest.add(index)
      this.#ledger.setUpstream(index, 'fetching')
    }
    return [{ type: 'claim' }]
  }

  /** The coordinator came or went: it knows nothing of what we asked for. */
  coordinatorChanged(): void {
    this.#willing = undefined
  }

  stored(index: number, fromUpstream: boolean): void {
    this.#setLeased(index, false)
    this.#owed.delete(index)
    if (!fromUpstream) return
    for (const { rest } of this.#fetches) if (rest.delete(index)) this.#ledger.setUpstream(index, 'none')
    this.#failures = 0
    this.#throttledSince = undefined
  }

  /**
   * Starts what there is to fetch. `places` gives where clients read that the download would not come to by itself;
   * `alone` a run to fetch without a lease.
   */
  fetch(
    now: number,
    { places, alone }: { places: () => readonly number[]; alone: (now: number) => ChunkRun | undefined },
  ): readonly DownloadCommand[] {
    if (this.#fetches.length >= maxFetches + maxReaderFetches) return noCommands
    const commands = this.#leased.size > 0 ? this.#fetchFor(places(), now) : []
    while (this.#fetches.length < maxFetches && this.isUsable(now)) {
      const run = this.#next(() => (this.isIdle ? alone(now) : undefined))
      if (run === undefined) break
      commands.push(this.#start(run))
    }
    return commands
  }

  /** A request ended; after a failure everything leased goes back, so that others can try. */
  ended(run: ChunkRun, outcome: { failed: UpstreamFailure | undefined; now: number }): DownloadCommand[] {
    const place = this.#fetches.findIndex(
      (fetch) => fetch.run.start === run.start && fetch.run.end === run.end,
    )
    const [fetch] = place < 0 ? [] : this.#fetches.splice(place, 1)
    const rest = [...(fetch?.rest ?? [])]
    for (const index of rest) this.#ledger.setUpstream(index, 'none')
    const { failed, now } = outcome
    if (failed === undefined) return []
    this.#failure = failed
    const pause = Math.min(failed.retryAfterMs ?? 0, maxRetryAfterMs)
    this.#retryAt = now + Math.max(pause, retryMs * 2 ** this.#failures)
    if (failed.retryAfterMs === undefined) this.#failures++
    else {
      this.#throttledSince ??= now
      if (now - this.#throttledSince >= maxThrottledMs) this.#failures = maxFailures
    }
    const released = [...this.#leased, ...rest.filter((index) => !this.#ledger.held.has(index))]
    for (const index of released) this.#setLeased(index, false)
    if (released.length === 0 && pause === 0) return []
    return [
      pause > 0
        ? { type: 'release', indexes: released, pauseMs: pause }
        : { type: 'release', indexes: released },
    ]
  }

  /** Tells the coordinator whether we would fetch more, when that changed. */
  ask(willing: boolean): readonly DownloadCommand[] {
    if (willing === (this.#willing ?? false)) return noCommands
    this.#willing = willing
    return [{ type: 'ask', willing }]
  }

  /** What readers wait for and is leased to us; the more they are, the less each time, so that each has its turn soon. */
  #fetchFor(places: readonly number[], now: number): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    const length = Math.max(1, Math.floor(usualRunChunks / places.length))
    for (const start of places) {
      if (this.#fetches.length >= maxFetches + maxReaderFetches || !this.isUsable(now)) break
      if (!this.#leased.has(start)) continue
      let end = start + 1
      while (end < start + length && this.#leased.has(end)) end++
      commands.push(this.#start({ start, end }))
    }
    return commands
  }

  #next(alone: () => ChunkRun | undefined): ChunkRun | undefined {
    const leased = this.#owed.size > 0 ? undefined : firstRun(this.#leased)
    if (leased !== undefined) return atMost(maxRunChunks, leased)
    const run = firstRun(this.#owed) ?? alone()
    return run && atMost(usualRunChunks, run)
  }

  #start(run: ChunkRun): DownloadCommand {
    const rest = new Set<number>()
    for (let index = run.start; index < run.end; index++) {
      this.#leased.delete(index)
      this.#owed.delete(index)
      rest.add(index)
      this.#ledger.setUpstream(index, 'fetching')
    }
    this.#fetches.push({ run, rest })
    return { type: 'fetch', run }
  }

  #setLeased(index: number, isLeased: boolean): void {
    const changed = isLeased ? this.#leased.add(index) : this.#leased.delete(index)
    if (changed) this.#ledger.setUpstream(index, isLeased ? 'leased' : 'none')
  }
}

function firstRun(chunks: ChunkSet): ChunkRun | undefined {
  return chunks.size === 0 ? undefined : chunks.runs()[0]
}

function atMost(chunks: number, { start, end }: ChunkRun): ChunkRun {
  return { start, end: Math.min(end, start + chunks) }
}

function* indexesOf(runs: readonly ChunkRun[], count: number): Generator<number> {
  for (const { start, end } of runs)
    for (let index = start; index < Math.min(end, count); index++) yield index
}
