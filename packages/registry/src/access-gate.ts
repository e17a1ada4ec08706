import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type {
  AccessProbe,
  Credentials,
  MetadataStore,
  OriginAccess,
  Repository,
  TagHints,
} from '@shoal/content'
import { LRUCache } from 'lru-cache'
import {
  type AccessTimes,
  isFresh,
  isOriginAway,
  isStillGood,
  repositoryKey,
  type Verdict,
} from './access-policy.ts'
import { readCredentials } from './client-credentials.ts'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import { isServable } from './record-policy.ts'
import { RequestError } from './request-error.ts'
import type { RepositoryRoute } from './router.ts'

const maxRepositories = 10_000
const maxGrants = 10_000
/** How much longer the origin may use a client's credentials than the client's grant lasts: for what it has begun. */
const delegationFactor = 3
/** A registry that is away is not asked again for this long. */
const failureTtlMs = 5_000

export interface AccessGateComponents {
  readonly access: OriginAccess
  readonly metadata: MetadataStore
  readonly tagHints?: TagHints | undefined
  readonly report: ReportDegraded
}

export interface AccessGateInit {
  readonly times: AccessTimes
  /** For a registry's verdict. */
  readonly timeoutMs: number
  readonly staleTagMaxAgeMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** A client that may read a repository. */
export interface Admission {
  readonly isPublic: boolean
  /** Why the registry could not be asked just now, so that nobody waits for it again. */
  readonly trouble?: unknown
}

/**
 * Lets clients in to repositories: to public ones everybody, to others those whom the registry lets in with the
 * credentials that they bring. What is kept of a client is a keyed hash of its credentials, in memory, under a key that
 * dies with the process.
 */
export class AccessGate {
  readonly #components: AccessGateComponents
  readonly #init: AccessGateInit
  readonly #public = new LRUCache<string, Verdict>({ max: maxRepositories })
  readonly #grants = new LRUCache<string, Verdict>({ max: maxGrants })
  readonly #troubles = new LRUCache<string, { readonly error: unknown; readonly until: number }>({
    max: 1_000,
  })
  readonly #inFlight = new Map<string, Promise<boolean>>()
  readonly #hashKey = randomBytes(32)
  readonly #stopping = new AbortController()

  constructor(components: AccessGateComponents, init: AccessGateInit) {
    this.#components = components
    this.#init = init
  }

  /**
   * @throws RequestError 401 with a challenge; OriginError or DeadlineError when the registry gives no verdict and none
   *   of before is young enough
   */
  async enter(
    route: RepositoryRoute,
    headers: IncomingHttpHeaders,
    options: { readonly signal: AbortSignal },
  ): Promise<Admission> {
    const classified = await this.#classify(route, options)
    if (classified.isPublic) return classified
    const credentials = readCredentials(headers.authorization)
    if (credentials === undefined) throw challenge(route.repository, 'it is private, and no credentials came')
    if (await this.#isGranted(route, credentials, options)) return classified
    throw challenge(route.repository, 'its registry does not let these credentials read it')
  }

  /** Ends what is under way. */
  close(reason: Error): void {
    this.#stopping.abort(reason)
  }

  async #classify(route: RepositoryRoute, { signal }: { readonly signal: AbortSignal }): Promise<Admission> {
    const { times, now } = this.#init
    const key = repositoryKey(route.repository)
    const known = this.#public.get(key)
    const terms = { yesMs: times.publicMs, noMs: times.privateMs }
    if (known !== undefined && isFresh(known, now(), terms)) return { isPublic: known.allowed }
    try {
      const isPublic = await this.#once(key, signal, (ended) =>
        this.#components.access.isPublic(route.repository, probeFor(route), { signal: ended }),
      )
      this.#public.set(key, { allowed: isPublic, at: now() })
      return { isPublic }
    } catch (error) {
      if (signal.aborted || !isOriginAway(error)) throw error
      // Who was refused while the registry was there is not let in because it is away.
      if (known?.allowed === false) return { isPublic: false, trouble: error }
      if (isStillGood(known, now(), times.stalePublicMs)) return { isPublic: true, trouble: error }
      if (await this.#wasPublic(route)) return { isPublic: true, trouble: error }
      throw error
    }
  }

  async #isGranted(
    route: RepositoryRoute,
    credentials: Credentials,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<boolean> {
    const { times, now } = this.#init
    const key = `${repositoryKey(route.repository)} ${this.#hash(credentials)}`
    const known = this.#grants.get(key)
    const terms = { yesMs: times.grantMs, noMs: times.refusalMs }
    if (known !== undefined && isFresh(known, now(), terms)) return known.allowed
    const lifetimeMs = times.grantMs * delegationFactor
    try {
      const allowed = await this.#once(key, signal, (ended) =>
        this.#components.access.admit(route.repository, probeFor(route), {
          ...{ credentials, lifetimeMs },
          signal: ended,
        }),
      )
      this.#grants.set(key, { allowed, at: now() })
      return allowed
    } catch (error) {
      if (!signal.aborted && isOriginAway(error) && isStillGood(known, now(), times.staleGrantMs)) return true
      throw error
    }
  }

  /** Those who ask the same at the same time share one question, and for a while its failure. */
  #once(key: string, signal: AbortSignal, ask: (ended: AbortSignal) => Promise<boolean>): Promise<boolean> {
    const { now } = this.#init
    const trouble = this.#troubles.get(key)
    if (trouble !== undefined && now() < trouble.until) return Promise.reject(trouble.error)
    const running = this.#inFlight.get(key)
    if (running !== undefined) return abortable(running, signal)
    const asking = this.#askInTime(ask)
      .catch((error) => {
        if (isOriginAway(error)) this.#troubles.set(key, { error, until: now() + failureTtlMs })
        throw error
      })
      .finally(() => this.#inFlight.delete(key))
    this.#inFlight.set(key, asking)
    return abortable(asking, signal)
  }

  async #askInTime(ask: (ended: AbortSignal) => Promise<boolean>): Promise<boolean> {
    using deadline = new Deadline({
      what: 'asking the registry whom it lets read this',
      afterMs: this.#init.timeoutMs,
      parent: this.#stopping.signal,
    })
    return await abortable(ask(deadline.signal), deadline.signal)
  }

  /** Whether this node, or else a peer, resolved the reference in this repository when anybody could. */
  async #wasPublic(route: RepositoryRoute): Promise<boolean> {
    if (route.kind !== 'manifest') return false
    const { metadata, tagHints, report } = this.#components
    const { reference, repository } = route
    const text = 'tag' in reference ? reference.tag : reference.digest
    const { now, staleTagMaxAgeMs } = this.#init
    try {
      using deadline = new Deadline({
        what: 'looking for who knew the repository',
        afterMs: this.#init.timeoutMs / 2,
        parent: this.#stopping.signal,
      })
      const { signal } = deadline
      const own = await abortable(metadata.getTag(repository, text), signal)
      if (own !== undefined) return own.isPublic && isServable(own, now(), staleTagMaxAgeMs)
      const told = await abortable(
        tagHints?.find(repository, text, { signal }) ?? Promise.resolve(undefined),
        signal,
      )
      return told?.isPublic === true && isServable(told, now(), staleTagMaxAgeMs)
    } catch (error) {
      report('look up who may read', error)
      return false
    }
  }

  #hash({ username, password }: Credentials): string {
    return createHmac('sha256', this.#hashKey)
      .update(JSON.stringify([username, password]))
      .digest('base64url')
  }
}

/** What to ask a registry for, to know whether it lets one read what the route is about. */
function probeFor(route: RepositoryRoute): AccessProbe {
  if (route.kind === 'blob') return { kind: 'blob', digest: route.digest }
  if (route.kind !== 'manifest') return { kind: 'tags' }
  const { reference } = route
  return { kind: 'manifest', reference: 'tag' in reference ? reference.tag : reference.digest }
}

/** Basic, because every client that answers a mirror's challenge at all can do it, also over plain HTTP on loopback. */
function challenge({ registry, name }: Repository, why: string): RequestError {
  return new RequestError('UNAUTHORIZED', `repository ${registry}/${name}: ${why}`, {
    status: 401,
    reason: 'unauthorized',
    headers: { 'WWW-Authenticate': `Basic realm="${registry}", charset="UTF-8"` },
  })
}
