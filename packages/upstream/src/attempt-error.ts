import type { OriginError } from '@shoal/content'

/**
 * One attempt that failed, inside this package only: what to tell the caller, unless another attempt goes
 * better.
 */
export class AttemptError extends Error {
  readonly origin: OriginError
  /** Whether the same request may succeed a moment later. */
  readonly transient: boolean

  constructor(origin: OriginError, transient: boolean) {
    super(origin.message, { cause: origin })
    this.name = 'AttemptError'
    this.origin = origin
    this.transient = transient
  }
}
