import {
  type ContentSource,
  type MetadataStore,
  type Origin,
  OriginError,
  type OriginPush,
} from '@shoal/content'
import type { AccessGate, Admission } from './access-gate.ts'
import { serveBlob } from './blob-handler.ts'
import type { RegistryListener, ReportDegraded } from './events.ts'
import { type Delivery, type Exchange, StoppingError } from './exchange.ts'
import { endWithFin } from './linger.ts'
import { sendListing, serveListing } from './listing-handler.ts'
import { serveManifest } from './manifest-handler.ts'
import type { ManifestsAhead } from './manifests-ahead.ts'
import type { ManifestsAtOnce } from './manifests-at-once.ts'
import { servePush } from './push-handler.ts'
import type { PushKeeper } from './push-keeper.ts'
import type { ReferenceResolver } from './reference-resolver.ts'
import { noReferrers } from './referrers.ts'
import { isUnexpected, refusalFor } from './refusal.ts'
import type { RepositoryContents } from './repository-contents.ts'
import { namespaceHeader, sendBuffer, sendError } from './respond.ts'
import {
  beginsPull,
  type PushRoute,
  type ReferrersRoute,
  type RepositoryRoute,
  type Route,
  route,
} from './router.ts'

export interface DispatcherInit {
  readonly content: ContentSource
  readonly origin: Origin
  /** Undefined when this registry takes no pushes. */
  readonly push: OriginPush | undefined
  readonly metadata: MetadataStore
  readonly gate: AccessGate
  readonly contents: RepositoryContents
  readonly keeper: PushKeeper
  readonly tags: ReferenceResolver
  readonly ahead: ManifestsAhead
  readonly atOnce: ManifestsAtOnce
  readonly manifestTimeoutMs: number
  readonly firstByteTimeoutMs: number
  readonly stallTimeoutMs: number
  /** Whether this registry is about to stop. */
  readonly isLeaving: () => boolean
  readonly report: ReportDegraded
  readonly onEvent: RegistryListener
}

/** nginx's status for a client that left before it got one. */
const clientClosedStatus = 499
const maxLoggedPath = 512
const maxLoggedAgent = 128
const emptyObject = Buffer.from('{}')

/** Serves one request from its route to its line in the access log. Never throws. */
export async function dispatch(exchange: Exchange, init: DispatcherInit): Promise<void> {
  const startedAt = performance.now()
  const { method = '', url = '', headers } = exchange.request
  let parsed: Route | undefined
  let delivery: Delivery
  try {
    parsed = route(method, url, { takesPushes: init.push !== undefined })
    delivery = await serve(exchange, parsed, init)
  } catch (error) {
    delivery = await refuse(exchange, { error, route: parsed }, init.report)
  }
  const seconds = (performance.now() - startedAt) / 1000
  init.onEvent({
    type: 'request',
    method,
    path: (url.split('?', 1)[0] ?? '').slice(0, maxLoggedPath),
    route: parsed?.kind,
    registry: parsed !== undefined && parsed.kind !== 'ping' ? parsed.repository.registry : undefined,
    status: delivery.status,
    bytes: delivery.bytes,
    seconds,
    longestWait: delivery.longestWait ?? seconds,
    userAgent: (headers['user-agent'] ?? '').slice(0, maxLoggedAgent),
    outcome: delivery.outcome,
    reason: delivery.reason,
  })
}

async function serve(exchange: Exchange, parsed: Route, init: DispatcherInit): Promise<Delivery> {
  if (init.isLeaving() && beginsPull(parsed)) {
    exchange.isTurnedAway = true
    throw new StoppingError()
  }
  if (parsed.kind === 'ping') {
    return sendBuffer(exchange, 200, { 'Content-Type': 'application/json' }, emptyObject)
  }
  if (parsed.kind === 'push') return push(exchange, parsed, init)
  const admission = await admit(exchange, parsed, init)
  if (admission === undefined) return sendListing(exchange, parsed as ReferrersRoute, noReferrers)
  switch (parsed.kind) {
    case 'manifest':
      return serveManifest(exchange, { route: parsed, admission }, init)
    case 'blob':
      return serveBlob(exchange, { route: parsed, admission }, init)
    case 'tags':
    case 'referrers':
      return serveListing(exchange, parsed, init)
  }
}

/** Undefined for referrers in a repository that does not exist: the specification has an empty list there, never a 404. */
async function admit(
  { signal, request, isHead }: Exchange,
  parsed: RepositoryRoute,
  { gate, atOnce }: DispatcherInit,
): Promise<Admission | undefined> {
  try {
    const isWhole = await atOnce.suits(parsed, { isHead })
    return await gate.enter(parsed, request.headers, { signal, isWhole })
  } catch (error) {
    const isMissing = error instanceof OriginError && error.fault === 'not-found'
    if (isMissing && parsed.kind === 'referrers') return undefined
    throw error
  }
}

async function push(exchange: Exchange, parsed: PushRoute, init: DispatcherInit): Promise<Delivery> {
  const { push } = init
  if (push === undefined) throw new TypeError('a push was routed where none is taken')
  return servePush(exchange, parsed, { ...init, push })
}

interface Failure {
  readonly error: unknown
  readonly route: Route | undefined
}

async function refuse(
  exchange: Exchange,
  { error, route: failed }: Failure,
  report: ReportDegraded,
): Promise<Delivery> {
  if (exchange.clientGone) return { status: clientClosedStatus, bytes: 0, outcome: 'client-closed' }
  if (isUnexpected(error)) report('serve request', error)
  if (exchange.response.headersSent) return breakAnswer(exchange)
  const refusal = refusalFor(error, failed)
  const headers = failed !== undefined && failed.kind !== 'ping' ? namespaceHeader(failed) : {}
  return sendError(exchange, refusal, headers)
}

/** A failure after the head was sent leaves nothing but to end early. */
function breakAnswer({ response, request }: Exchange): Delivery {
  endWithFin(request.socket)
  return { status: response.statusCode, bytes: 0, outcome: 'broken', reason: 'internal' }
}
