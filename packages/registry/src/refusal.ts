import {
  ContentUnavailableError,
  DigestMismatchError,
  InvalidInputError,
  OriginError,
  type OriginFault,
} from '@shoal/content'
import { DeadlineError } from './deadline.ts'
import { StoppingError } from './exchange.ts'
import { type OciErrorCode, RequestError } from './request-error.ts'
import type { Route } from './router.ts'

const unknownCodes = {
  ping: 'UNSUPPORTED',
  manifest: 'MANIFEST_UNKNOWN',
  blob: 'BLOB_UNKNOWN',
  tags: 'NAME_UNKNOWN',
  referrers: 'MANIFEST_UNKNOWN',
  push: 'NAME_UNKNOWN',
} as const satisfies Record<Route['kind'], OciErrorCode>

const faultPhrases = {
  'not-found': 'its registry does not have it',
  unauthorized: 'its registry does not show it without credentials',
  'rate-limited': 'its registry limits our rate',
  unavailable: 'its registry can not be reached or fails',
  refused: 'this agent does not ask that registry',
  malformed: 'its registry gave an answer that makes no sense',
} as const satisfies Record<OriginFault, string>

/**
 * What a client is told when something can't be served, whatever the cause: a 404, because that is what sends
 * every client to its next registry at once. The cause goes into the message and `detail.reason`.
 */
export function refusalFor(error: unknown, route: Route | undefined): RequestError {
  if (error instanceof RequestError) return error
  const { reason, why } = explain(error)
  const code = route === undefined ? 'UNSUPPORTED' : unknownCodes[route.kind]
  const message = route === undefined ? why : `${subjectOf(route)}: ${why}`
  return new RequestError(code, message, { status: 404, reason, cause: error })
}

/** Whether nobody foresaw the error: then it is for the log, and its message is not for clients. */
export function isUnexpected(error: unknown): boolean {
  return explain(error).reason === 'internal'
}

/** A stable word for the cause, and a sentence for people. */
export function explain(error: unknown): { readonly reason: string; readonly why: string } {
  if (error instanceof RequestError) return { reason: error.reason, why: error.message }
  if (error instanceof OriginError) {
    return { reason: error.fault, why: `${faultPhrases[error.fault]} (${error.message})` }
  }
  if (error instanceof ContentUnavailableError) {
    const { cause } = error
    if (cause instanceof OriginError) return explain(cause)
    return { reason: 'unavailable', why: error.message }
  }
  if (error instanceof DigestMismatchError) return { reason: 'digest-mismatch', why: error.message }
  if (error instanceof DeadlineError) return { reason: error.reason, why: error.message }
  if (error instanceof StoppingError) return { reason: 'stopping', why: error.message }
  if (error instanceof InvalidInputError) return { reason: 'invalid', why: error.message }
  return { reason: 'internal', why: 'an internal error; the log of this agent has it' }
}

function subjectOf(route: Route): string {
  if (route.kind === 'ping') return '/v2/'
  const repository = `${route.repository.registry}/${route.repository.name}`
  if (route.kind === 'push') return `${route.method} of ${route.path} in ${repository}`
  if (route.kind === 'tags') return repository
  const reference = route.kind === 'manifest' ? route.reference : route
  return 'tag' in reference ? `${repository}:${reference.tag}` : `${repository}@${reference.digest}`
}
