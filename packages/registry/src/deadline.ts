import { ShoalError } from '@shoal/content'

/** Who let the time run out: the source before its first byte, the source midway, or the client. */
export type DeadlineReason = 'timeout' | 'stalled' | 'client-stalled'

/** Something took longer than it was given. */
export class DeadlineError extends ShoalError {
  readonly reason: DeadlineReason

  constructor(what: string, afterMs: number, reason: DeadlineReason) {
    super('DEADLINE', `${what} took more than ${afterMs / 1000} s`)
    this.reason = reason
  }
}

export interface DeadlineInit {
  /** The work, as the subject of "… took more than 5 s". */
  readonly what: string
  readonly afterMs: number
  /** Ends the work early. */
  readonly parent?: AbortSignal
  /** @default 'timeout' */
  readonly reason?: DeadlineReason
}

/**
 * A signal that aborts with its parent, or after a time. Clear or dispose of it when the work is done: from
 * then on it never aborts, and its timer and its listener on the parent are gone.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController()
  readonly #parent: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  readonly #startedAt = performance.now()

  constructor({ what, afterMs, parent, reason = 'timeout' }: DeadlineInit) {
    this.#parent = parent
    this.#timer = setTimeout(() => {
      this.#controller.abort(new DeadlineError(what, afterMs, reason))
    }, afterMs)
    if (parent?.aborted === true) this.#follow()
    else parent?.addEventListener('abort', this.#follow, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** How long the work has taken so far. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#parent?.removeEventListener('abort', this.#follow)
  }

  [Symbol.dispose](): void {
    this.clear()
  }

  readonly #follow = (): void => this.#controller.abort(this.#parent?.reason)
}

/**
 * Settles as the promise does, or rejects with the signal's reason as soon as it aborts, whether or not the
 * callee honours the signal. What comes after an abort is dropped.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
