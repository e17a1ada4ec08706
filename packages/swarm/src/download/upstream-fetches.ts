import type { ChunkRun } from '@shoal/content'
import type { DownloadEvent } from './download-events.ts'
import { fetchRun, type UpstreamFetch, upstreamFailure } from './upstream-fetch.ts'

export interface UpstreamFetchesInit extends Omit<UpstreamFetch, 'run' | 'onWhole'> {
  readonly dispatch: (event: DownloadEvent) => void
  readonly onTrouble: (error: Error) => void
  /** The download has ended, and all of them with it. */
  readonly signal: AbortSignal
}

/** A download's requests to upstream that are under way. */
export class UpstreamFetches {
  readonly #init: UpstreamFetchesInit
  readonly #running = new Map<ChunkRun, AbortController>()
  #lastError: Error | undefined

  constructor(init: UpstreamFetchesInit) {
    this.#init = init
  }

  /** Why upstream failed the last time that it did. */
  get lastError(): Error | undefined {
    return this.#lastError
  }

  /** Fetches a run, and tells the planner how that ended. */
  async fetch(run: ChunkRun): Promise<void> {
    const { dispatch, onTrouble, signal } = this.#init
    const cut = new AbortController()
    this.#running.set(run, cut)
    let failed: ReturnType<typeof upstreamFailure> | undefined
    try {
      await fetchRun(
        { ...this.#init, run, onWhole: () => dispatch({ type: 'upstream-whole', run }) },
        { signal: AbortSignal.any([signal, cut.signal]) },
      )
    } catch (error) {
      if (!cut.signal.aborted) {
        failed = upstreamFailure(error)
        this.#lastError = error as Error
        if (!signal.aborted) onTrouble(error as Error)
      }
    }
    this.#running.delete(run)
    dispatch(failed === undefined ? { type: 'upstream-ended', run } : { type: 'upstream-ended', run, failed })
  }

  /** Hangs up: what is left of the run is not wanted any more. */
  cut(run: ChunkRun): void {
    this.#running.get(run)?.abort()
  }
}
