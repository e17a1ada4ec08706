import { type ChunkLayout, type ChunkRun, ChunkSet } from '@shoal/content'
import type { DownloadCommand, UpstreamFailure } from './download-events.ts'

/** Two requests at a time keep upstream's pipe full while the next lease travels. */
const maxFetches = 2
/** Chunks in one request. */
const maxRunChunks = 8
/** After upstream failed, it is asked again this much later, doubling. */
const retryMs = 500
const maxFailures = 3

/** The planner's view of upstream: what is leased to us, what is being fetched, whether asking makes sense. */
export class UpstreamPlan {
  /** Leased to us and not yet being fetched. */
  readonly #leased: ChunkSet
  /** To be fetched without a lease: chunks that are disputed or proved wrong. */
  readonly #owed: ChunkSet
  readonly #fetching: ChunkSet
  #fetches = 0
  /** The room that the coordinator was last told of. */
  #asked = 0
  #failure: UpstreamFailure | undefined
  #failures = 0
  #retryAt = 0

  constructor(layout: ChunkLayout) {
    this.#leased = new ChunkSet(layout.count)
    this.#owed = new ChunkSet(layout.count)
    this.#fetching = new ChunkSet(layout.count)
  }

  get isIdle(): boolean {
    return this.#fetches === 0
  }

  /** Why upstream will not be asked again, or undefined while it will. */
  get failure(): UpstreamFailure | undefined {
    return this.#failure?.final || this.#failures >= maxFailures ? this.#failure : undefined
  }

  isUsable(now: number): boolean {
    return this.failure === undefined && now >= this.#retryAt
  }

  isFetching(index: number): boolean {
    return this.#fetching.has(index)
  }

  /** It comes, or will come, from upstream. */
  covers(index: number): boolean {
    return this.#fetching.has(index) || this.#leased.has(index)
  }

  /** Chunks that come from upstream by a lease: what a new coordinator has to know. */
  outstanding(): ChunkRun[] {
    const chunks = this.#leased.clone()
    for (const index of this.#fetching) chunks.add(index)
    return chunks.runs()
  }

  owe(index: number): void {
    this.#owed.add(index)
  }

  /** Takes a lease; what is held by now goes back. */
  lease(runs: readonly ChunkRun[], held: ChunkSet): DownloadCommand[] {
    this.#asked = 0
    const unneeded: number[] = []
    for (const index of indexesOf(runs, held.capacity)) {
      if (held.has(index)) unneeded.push(index)
      else this.#leased.add(index)
    }
    return unneeded.length > 0 ? [{ type: 'release', indexes: unneeded }] : []
  }

  revoke(runs: readonly ChunkRun[]): void {
    this.#asked = 0
    for (const index of indexesOf(runs, this.#leased.capacity)) this.#leased.delete(index)
  }

  /** The coordinator came or went: it knows nothing of what we asked for. */
  coordinatorChanged(): void {
    this.#asked = 0
  }

  stored(index: number, fromUpstream: boolean): void {
    this.#leased.delete(index)
    this.#owed.delete(index)
    if (fromUpstream) this.#failures = 0
  }

  /** Starts what there is to fetch; `alone` gives a run to fetch without a lease. */
  fetch(now: number, alone: () => ChunkRun | undefined): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    while (this.#fetches < maxFetches && this.isUsable(now)) {
      const run = firstRun(this.#owed) ?? firstRun(this.#leased) ?? (this.isIdle ? alone() : undefined)
      if (run === undefined) break
      const bounded = { start: run.start, end: Math.min(run.end, run.start + maxRunChunks) }
      this.#fetches++
      for (let index = bounded.start; index < bounded.end; index++) {
        this.#fetching.add(index)
        this.#leased.delete(index)
        this.#owed.delete(index)
      }
      commands.push({ type: 'fetch', run: bounded })
    }
    return commands
  }

  /** A request ended; after a failure everything leased goes back, so that others can try. */
  ended(
    run: ChunkRun,
    outcome: { failed: UpstreamFailure | undefined; held: ChunkSet; now: number },
  ): DownloadCommand[] {
    this.#fetches--
    for (let index = run.start; index < run.end; index++) this.#fetching.delete(index)
    if (outcome.failed === undefined) return []
    this.#failure = outcome.failed
    this.#retryAt = outcome.now + retryMs * 2 ** this.#failures
    this.#failures++
    const released = [...this.#leased]
    for (let index = run.start; index < run.end; index++) if (!outcome.held.has(index)) released.push(index)
    for (const index of released) this.#leased.delete(index)
    return released.length > 0 ? [{ type: 'release', indexes: released }] : []
  }

  /** Tells the coordinator how much more we would fetch, when that changed. */
  ask(wanted: boolean): DownloadCommand[] {
    const room = wanted ? Math.max(0, maxFetches * maxRunChunks - this.#leased.size - this.#fetching.size) : 0
    if (room === this.#asked) return []
    this.#asked = room
    return [{ type: 'ask', room }]
  }
}

function firstRun(chunks: ChunkSet): ChunkRun | undefined {
  return chunks.size === 0 ? undefined : chunks.runs()[0]
}

function* indexesOf(runs: readonly ChunkRun[], count: number): Generator<number> {
  for (const { start, end } of runs)
    for (let index = start; index < Math.min(end, count); index++) yield index
}
