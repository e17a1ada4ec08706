/** What happened when a provider was asked for a blob: it has nothing of it, or could not be reached at all. */
export type ProviderFailure = 'empty' | 'unreachable'

/** A record is withdrawn, or the blob comes back and is announced, within this time. */
const emptyMs = 5 * 60_000
/** A node that restarts is back by then, and shows it sooner by connecting. */
const unreachableMs = 30_000
/** Of each kind. At 150 bytes each, 0.6 MB. */
const maxKept = 4_096

/**
 * Providers that were tried in vain, so that a record that is out of date costs a node one try and not one for each
 * pull. Times are in milliseconds, of one monotonic clock.
 */
export class FailedProviders {
  /** Until when, by peer. */
  readonly #unreachable = new Map<string, number>()
  /** Until when, by blob and peer. */
  readonly #empty = new Map<string, number>()

  failed(key: string, peer: string, failure: ProviderFailure, nowMs: number): void {
    if (failure === 'unreachable') remember(this.#unreachable, peer, nowMs + unreachableMs)
    else remember(this.#empty, pairOf(key, peer), nowMs + emptyMs)
  }

  /** Whether asking the peer for the blob is of no use. */
  isFailed(key: string, peer: string, nowMs: number): boolean {
    const until = Math.max(this.#unreachable.get(peer) ?? 0, this.#empty.get(pairOf(key, peer)) ?? 0)
    return until > nowMs
  }

  /** To be called when the peer has connected. */
  isReachable(peer: string): void {
    this.#unreachable.delete(peer)
  }
}

function pairOf(key: string, peer: string): string {
  return `${key} ${peer}`
}

/** The oldest makes room. */
function remember(failures: Map<string, number>, name: string, untilMs: number): void {
  failures.delete(name)
  failures.set(name, untilMs)
  const [oldest] = failures.keys()
  if (failures.size > maxKept && oldest !== undefined) failures.delete(oldest)
}
