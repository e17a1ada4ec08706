import { setTimeout as sleep } from 'node:timers/promises'
import { failure, type Subject } from './subject.ts'
import type { Upstream } from './upstream-table.ts'

/** A registry that says "later" is believed, but asked again after this: some say it and mean somebody else. */
const maxHoldMs = 60_000
/** What a request waits for its turn; beyond it the caller is told, who may know another way. */
const maxWaitMs = 2_000

export interface PaceInit {
  readonly now: () => number
  /** Ends every wait. */
  readonly lifetime: AbortSignal
}

/** When one registry may be asked next. */
interface Turn {
  /** Nobody asks before this: the registry said so. */
  heldUntil: number
  /** When the next request is due at the rate that the settings allow. */
  nextAt: number
}

/**
 * Keeps everybody on this node to what a registry allows: a `Retry-After` that one request got holds for all, and
 * requests leave at the configured rate, after a burst of one second's worth.
 */
export class Pace {
  readonly #with: PaceInit
  /** By the origin of their URL, as many as the process talks to. */
  readonly #turns = new Map<string, Turn>()

  constructor(init: PaceInit) {
    this.#with = init
  }

  /**
   * Waits until this request may leave.
   *
   * @throws OriginError `rate-limited`, with the time to wait, when that is too long to wait here; the signal's reason
   */
  async turn(upstream: Upstream, subject: Subject, signal?: AbortSignal): Promise<void> {
    const now = this.#with.now()
    const waitMs = this.#reserve(upstream, now)
    if (waitMs <= 0) return
    if (waitMs > maxWaitMs) {
      const why = `registry ${subject.registry} limits how often we may ask: again in ${Math.ceil(waitMs / 1_000)} s`
      throw failure('rate-limited', subject, why, { retryAfterMs: waitMs })
    }
    const { lifetime } = this.#with
    const ended = signal === undefined ? lifetime : AbortSignal.any([signal, lifetime])
    try {
      await sleep(waitMs, undefined, { signal: ended })
    } catch (error) {
      throw ended.aborted ? ended.reason : error
    }
  }

  /** The registry answered 429 and named a time. */
  hold({ base }: Upstream, retryAfterMs: number): void {
    const turn = this.#turnOf(base.origin)
    turn.heldUntil = Math.max(turn.heldUntil, this.#with.now() + Math.min(retryAfterMs, maxHoldMs))
  }

  /** How long to wait; takes the place in the queue unless it is too far back. */
  #reserve({ base, requestsPerSecond }: Upstream, now: number): number {
    const turn = this.#turnOf(base.origin)
    const held = turn.heldUntil - now
    if (held > 0 || requestsPerSecond === undefined) return held
    // A burst of one second's worth may go ahead of the clock.
    const due = Math.max(turn.nextAt, now - 1_000)
    const waitMs = due - now
    if (waitMs <= maxWaitMs) turn.nextAt = due + 1_000 / requestsPerSecond
    return waitMs
  }

  #turnOf(origin: string): Turn {
    let turn = this.#turns.get(origin)
    if (turn === undefined) {
      turn = { heldUntil: 0, nextAt: 0 }
      this.#turns.set(origin, turn)
      if (this.#turns.size > maxTurns) this.#turns.delete(this.#turns.keys().next().value ?? '')
    }
    return turn
  }
}

const maxTurns = 1_000
