/**
 * Base of every error that Shoal raises on purpose. `code` is stable and meant for programs,
 * `message` says what happened, to which thing, and what to do about it.
 */
export class ShoalError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Something that a person, a client or a peer sent does not have the form that it must have. */
export class InvalidInputError extends ShoalError {
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Bytes that do not hash to the digest under which they were offered. */
export class DigestMismatchError extends ShoalError {
  readonly expected: string
  readonly actual: string

  constructor(expected: string, actual: string) {
    super(
      'DIGEST_MISMATCH',
      `content does not match its digest: expected ${expected}, got ${actual}; it was discarded`,
    )
    this.expected = expected
    this.actual = actual
  }
}

/** Nobody in reach (cache, peers, upstream) could deliver the content. */
export class ContentUnavailableError extends ShoalError {
  readonly digest: string

  constructor(digest: string, why: string, options?: ErrorOptions) {
    super('CONTENT_UNAVAILABLE', `${digest} is not available: ${why}`, options)
    this.digest = digest
  }
}

/** What an origin registry's refusal means to us, whatever its status code was. */
export type OriginFault =
  | 'not-found'
  | 'unauthorized'
  | 'rate-limited'
  | 'unavailable'
  | 'refused'
  | 'malformed'

/** An origin registry did not deliver. `fault` says whether asking again, or elsewhere, can help. */
export class OriginError extends ShoalError {
  readonly fault: OriginFault
  /** How long the origin asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(fault: OriginFault, message: string, options?: ErrorOptions & { retryAfterMs?: number }) {
    super('ORIGIN', message, options)
    this.fault = fault
    this.retryAfterMs = options?.retryAfterMs
  }
}

export type StoreFault =
  | 'partial-in-use'
  | 'in-use'
  | 'disk-full'
  | 'over-quota'
  | 'not-held'
  | 'closed'
  | 'unreadable'
  | 'damaged'
  | 'not-writable'

/** The content store could not do what was asked. On `disk-full`, `over-quota` and `not-writable` callers go on without storing. */
export class StoreError extends ShoalError {
  readonly fault: StoreFault

  constructor(fault: StoreFault, message: string, options?: ErrorOptions) {
    super('STORE', message, options)
    this.fault = fault
  }
}
