import { setTimeout as sleep } from 'node:timers/promises'
import { OriginError } from '@shoal/content'
import { contentEncoding, single } from './answer-headers.ts'
import { AttemptError } from './attempt-error.ts'
import type { Authorization, Authorizer, Petition } from './authorizer.ts'
import { abandon, discard } from './body.ts'
import { decodeGzip } from './decode-gzip.ts'
import { hedged } from './hedge.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import type { Identities } from './identities.ts'
import type { Identity } from './identity.ts'
import type { MirrorChoice } from './mirror-choice.ts'
import type { Pace } from './pace.ts'
import { followRedirect, isRedirect, maxRedirects } from './redirect.ts'
import { defaultRetryPolicy, retryDelay } from './retry.ts'
import { statusFault } from './status-fault.ts'
import { malformed, type Subject } from './subject.ts'
import type { Upstream, UpstreamTable } from './upstream-table.ts'

export interface RegistryRequest {
  readonly upstream: Upstream
  readonly subject: Subject
  readonly method: 'GET' | 'HEAD'
  /** Below the API's root: `library/nginx/manifests/latest`. */
  readonly path: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Statuses besides 200, and 206 when a range was asked for, that are answers to the caller, not failures.
   */
  readonly tolerate?: readonly number[]
  /** As whom. @default as the settings, or a client who was let in, say */
  readonly as?: Identity | 'anonymous'
  readonly signal?: AbortSignal | undefined
}

export interface RequesterComponents {
  readonly http: HttpClient
  readonly table: UpstreamTable
  readonly authorizer: Authorizer
  readonly identities: Identities
  readonly mirrors: MirrorChoice
  readonly pace: Pace
  readonly now: () => number
  readonly random: () => number
  /** Aborted, with an OriginError, when the client stops. */
  readonly lifetime: AbortSignal
}

/** Registries answer for a manifest within half a second; those that take longer may have lost it. */
const hedgeAfterMs = 2_000

/** Gets a registry, or a mirror of it, to answer: authorization, redirects and retries. */
export class Requester {
  readonly #with: RequesterComponents

  constructor(components: RequesterComponents) {
    this.#with = components
  }

  /**
   * An answer with status 200, with 206 to a range, or with one that the caller tolerates.
   *
   * @throws OriginError, or the signal's reason
   */
  async send(request: RegistryRequest): Promise<HttpAnswer> {
    // Who proves itself does so to the registry, not to a mirror.
    const provesItself = request.as !== undefined && request.as !== 'anonymous'
    const mirrors = provesItself ? [] : this.#with.mirrors.of(request.upstream)
    for (const mirror of mirrors) {
      const answer = await this.#tryMirror({ ...request, upstream: mirror })
      if (answer !== undefined) return answer
    }
    return this.#sendTo(request)
  }

  /** Asks a mirror once. Whatever it fails in, the next one or the registry itself is there to ask. */
  async #tryMirror(request: RegistryRequest): Promise<HttpAnswer | undefined> {
    try {
      return await this.#attempt(request)
    } catch (error) {
      request.signal?.throwIfAborted()
      const fault = error instanceof AttemptError ? error.origin : error
      if (!(fault instanceof OriginError)) throw error
      this.#with.mirrors.failed(request.upstream, fault)
      return undefined
    }
  }

  async #sendTo(request: RegistryRequest): Promise<HttpAnswer> {
    const { now, random } = this.#with
    const startedAt = now()
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request)
      } catch (error) {
        request.signal?.throwIfAborted()
        if (!(error instanceof AttemptError)) throw error
        const { transient, origin } = error
        const failed = { attempt, elapsedMs: now() - startedAt, transient, retryAfterMs: origin.retryAfterMs }
        const delayMs = retryDelay(failed, defaultRetryPolicy, random)
        if (delayMs === undefined) throw origin
        await this.#pause(delayMs, request.signal)
      }
    }
  }

  /** From the registry's own URL to the final answer: signed redirect targets are never asked twice. */
  async #attempt(request: RegistryRequest): Promise<HttpAnswer> {
    const { upstream, subject, signal } = request
    const { authorizer, pace } = this.#with
    await pace.turn(upstream, subject, signal)
    const petition = { upstream, subject, identity: await this.#identity(request), signal }
    let url = urlOf(request)
    let authorization = await authorizer.anticipate(petition)
    let challenged = false
    let redirects = 0
    for (;;) {
      const answer = await this.#ask(request, url, authorization)
      if (isRedirect(answer.status)) {
        await discard(answer.body)
        if (++redirects > maxRedirects) throw malformed(subject, `more than ${maxRedirects} redirects`)
        url = this.#follow(answer, subject)
      } else if (answer.status === 401 && !challenged && url.origin === upstream.base.origin) {
        challenged = true
        authorization = await this.#respond(answer, authorization, petition)
      } else {
        return await this.#accept(answer, request)
      }
    }
  }

  #identity({ as, upstream, subject, signal }: RegistryRequest): Promise<Identity | undefined> | undefined {
    if (as === 'anonymous') return undefined
    return as === undefined
      ? this.#with.identities.of(upstream, subject.repository, signal)
      : Promise.resolve(as)
  }

  async #respond(
    answer: HttpAnswer,
    rejected: Authorization | undefined,
    petition: Petition,
  ): Promise<Authorization> {
    // Read to its end first: the token may come over the same connection.
    const fault = await statusFault(answer, petition.subject, this.#with.now())
    const authorization = await this.#with.authorizer.respond(answer, rejected, petition)
    if (authorization === undefined) throw fault
    return authorization
  }

  #ask(request: RegistryRequest, url: URL, authorization: Authorization | undefined): Promise<HttpAnswer> {
    const { upstream, method, headers, subject, signal } = request
    const atHome = url.origin === upstream.base.origin
    const send = (ended: AbortSignal | undefined) =>
      this.#with.http.send({
        method,
        url,
        // Credentials stay with the registry: where it redirects to, nobody is let in by them.
        headers:
          atHome && authorization ? { ...headers, authorization: authorization.header } : { ...headers },
        via: atHome ? upstream : this.#with.table.ownerOf(url.origin),
        subject,
        signal: ended,
      })
    // Cheap to ask twice, and everything waits for it.
    const isSmall = method === 'HEAD' || request.path.includes('/manifests/')
    return isSmall ? hedged(send, { afterMs: hedgeAfterMs, signal }) : send(signal)
  }

  #follow({ url, headers }: HttpAnswer, subject: Subject): URL {
    return followRedirect({
      from: url,
      location: single(headers, 'location'),
      isNamed: (origin) => this.#with.table.ownerOf(origin) !== undefined,
      subject,
    })
  }

  async #accept(answer: HttpAnswer, request: RegistryRequest): Promise<HttpAnswer> {
    const { status, headers } = answer
    const { subject, tolerate } = request
    if (tolerate?.includes(status)) return answer
    const isPart = status === 206 && request.headers?.range !== undefined
    if (status !== 200 && !isPart) {
      const fault = await statusFault(answer, subject, this.#with.now())
      const { retryAfterMs } = fault.origin
      if (status === 429 && retryAfterMs !== undefined) this.#with.pace.hold(request.upstream, retryAfterMs)
      throw fault
    }
    const encoding = contentEncoding(headers)
    if (encoding === undefined) return answer
    if (encoding === 'gzip' && status === 200) return decodeGzip(answer)
    abandon(answer.body)
    throw malformed(subject, `Content-Encoding ${encoding}, which it was asked not to use`)
  }

  async #pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const { lifetime } = this.#with
    const ended = signal === undefined ? lifetime : AbortSignal.any([signal, lifetime])
    try {
      await sleep(milliseconds, undefined, { signal: ended })
    } catch (error) {
      throw ended.aborted ? ended.reason : error
    }
  }
}

function urlOf({ upstream, path, query }: RegistryRequest): URL {
  const url = new URL(upstream.base)
  url.pathname = `${url.pathname}/${path}`
  if (query !== undefined) url.search = query
  return url
}
