import { ShoalError } from '@shoal/content'

/** Codes of the OCI Distribution specification 1.1, and `RANGE_INVALID` of Docker's, where OCI has none. */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'RANGE_INVALID'
  | 'UNAUTHORIZED'
  | 'UNSUPPORTED'

/**
 * 4xx only. Docker waits 76 s on a blob's 500 and Podman 30 s on a manifest's 429 before they try elsewhere;
 * a 404 sends each of them on at once.
 */
export type ErrorStatus = 400 | 401 | 404 | 405 | 414 | 416 | 431

export interface RequestErrorOptions extends ErrorOptions {
  readonly status: ErrorStatus
  /** A stable word for logs and programs, such as `not-found` or `timeout`. */
  readonly reason: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A request that is answered with an OCI error body. */
export class RequestError extends ShoalError {
  override readonly code: OciErrorCode
  readonly status: ErrorStatus
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>

  constructor(code: OciErrorCode, message: string, options: RequestErrorOptions) {
    super(code, message, options)
    this.code = code
    this.status = options.status
    this.reason = options.reason
    this.headers = options.headers ?? {}
  }
}
