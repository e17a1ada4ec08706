import { OriginError } from '@shoal/content'
import { errors } from 'undici'
import { PrivateAddressError } from './address-guard.ts'
import { AttemptError } from './attempt-error.ts'
import { failure, type Subject } from './subject.ts'

/** Asking again gives the same: a certificate that does not fit, a name that does not exist. */
const permanentCode = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ENOTFOUND$)/
/** Nobody that we know vouches for a certificate. */
const authorityCode = /^(?:UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/
const maxDetailLength = 200

/** Says what it means that a request, or the body of its answer, ended in `error`. */
export function networkFault(error: unknown, subject: Subject, url: URL): AttemptError {
  if (error instanceof AttemptError) return error
  if (error instanceof OriginError) return new AttemptError(error, false)
  if (error instanceof PrivateAddressError) {
    return new AttemptError(failure('refused', subject, refusal(error, subject, url)), false)
  }
  const code = codeOf(error)
  const detail = `${place(subject, url)} can't be reached: ${detailOf(error)}`
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    // Without its cause: the parser's errors carry what the other side sent, which may hold a token.
    const why = `${place(subject, url)} does not speak HTTP as it should: ${detailOf(error)}`
    return new AttemptError(failure('malformed', subject, why), false)
  }
  const hint = authorityCode.test(code) ? '; if its certificate is your own, configure its ca' : ''
  return new AttemptError(
    failure('unavailable', subject, `${detail}${hint}`, { cause: error }),
    !permanentCode.test(code),
  )
}

/** The registry, and the host when it is another: without path and query, which may be signed. */
export function place(subject: Subject, url: URL): string {
  const registry = `registry ${subject.registry}`
  return url.host === subject.registry ? registry : `${registry} (at ${url.host})`
}

function refusal(error: PrivateAddressError, subject: Subject, url: URL): string {
  const { registry } = subject
  if (url.host === registry) {
    return `registry ${registry} resolves to the private address ${error.address}; name it with --upstream ${registry}=<url> to allow it`
  }
  return `registry ${registry} leads to ${url.host}, which resolves to the private address ${error.address}; name it with --upstream ${url.host}=<url> to allow it`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/**
 * What an error says, cut short. Several addresses that all failed come as one error without a message of its
 * own.
 */
export function detailOf(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const text = first instanceof Error ? first.message || codeOf(first) : String(first)
  return text.slice(0, maxDetailLength)
}
