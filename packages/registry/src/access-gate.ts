import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type {
  AccessAnswer,
  AccessProbe,
  Credentials,
  Descriptor,
  Digest,
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
  /** What the registry was asked for just now to know it. */
  readonly seen?: Seen | undefined
}

/** What a registry said of something while it was asked who may read it: this request need not ask for it again. */
export interface Seen {
  readonly kind: 'manifest' | 'blob'
  /** A tag, or a digest. */
  readonly reference: string
  readonly descriptor: Descriptor
  /** Of a manifest that was asked for whole. */
  readonly manifest: Uint8Array | undefined
}

interface AskOptions {
  readonly signal: AbortSignal
  readonly isWhole?: boolean | undefined
}

interface Answer {
  readonly isAllowed: boolean
  readonly seen: Seen | undefined
}

/** The manifest that was seen under this tag, if it is the one of that digest. */
export function manifestSeen(
  { seen }: Pick<Admission, 'seen'>,
  { tag, digest }: { readonly tag: string; readonly digest: Digest },
): Uint8Array | undefined {
  return seenOf({ seen }, 'manifest', tag)?.digest === digest ? seen?.manifest : undefined
}

/** What was seen of this very thing. Who asks at the same time for another shares the verdict alone. */
export function seenOf(
  { seen }: Pick<Admission, 'seen'>,
  kind: Seen['kind'],
  reference: string,
): Descriptor | undefined {
  return seen?.kind === kind && seen.reference === reference ? seen.descriptor : undefined
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
  readonly #inFlight = new Map<string, Promise<Answer>>()
  readonly #hashKey = randomBytes(32)
  readonly #stopping = new AbortController()

  constructor(components: AccessGateComponents, init: AccessGateInit) {
    this.#components = components
    this.#init = init
  }

  /**
   * @param options.isWhole - a manifest is asked for itself, if the registry is to be asked at all
   * @throws RequestError 401 with a challenge; OriginError or DeadlineError when the registry gives no verdict and none
   *   of before is young enough
   */
  async enter(route: RepositoryRoute, headers: IncomingHttpHeaders, options: AskOptions): Promise<Admission> {
    const classified = await this.#classify(route, options)
    if (classified.isPublic) return classified
    const credentials = readCredentials(headers.authorization)
    if (credentials === undefined) throw challenge(route.repository, 'it is private, and no credentials came')
    const { isAllowed, seen } = await this.#grant(route, credentials, options)
    if (isAllowed) return { ...classified, seen }
    throw challenge(route.repository, 'its registry does not let these credentials read it')
  }

  /** Ends what is under way. */
  close(reason: Error): void {
    this.#stopping.abort(reason)
  }

  async #classify(route: RepositoryRoute, options: AskOptions): Promise<Admission> {
    const { signal } = options
    const { times, now } = this.#init
    const key = repositoryKey(route.repository)
    const known = this.#public.get(key)
    const terms = { yesMs: times.publicMs, noMs: times.privateMs }
    if (known !== undefined && isFresh(known, now(), terms)) return { isPublic: known.allowed }
    try {
      const { isAllowed, seen } = await this.#once(key, { route, ...options }, (probe, ended) =>
        this.#components.access.isPublic(route.repository, probe, { signal: ended }),
      )
      this.#public.set(key, { allowed: isAllowed, at: now() })
      return { isPublic: isAllowed, seen }
    } catch (error) {
      if (signal.aborted || !isOriginAway(error)) throw error
      // Who was refused while the registry was there is not let in because it is away.
      if (known?.allowed === false) return { isPublic: false, trouble: error }
      if (isStillGood(known, now(), times.stalePublicMs)) return { isPublic: true, trouble: error }
      const at = await this.#wasPublicAt(route)
      if (at === undefined) throw error
      // Of the repository, not of this tag alone: what the manifest refers to is asked for next. Never fresh: it stands in
      // for the registry's verdict only while that can't be had.
      this.#public.set(key, { allowed: true, at: Math.min(at, now() - times.publicMs) })
      return { isPublic: true, trouble: error }
    }
  }

  async #grant(route: RepositoryRoute, credentials: Credentials, options: AskOptions): Promise<Answer> {
    const { signal } = options
    const { times, now } = this.#init
    const key = `${repositoryKey(route.repository)} ${this.#hash(credentials)}`
    const known = this.#grants.get(key)
    const terms = { yesMs: times.grantMs, noMs: times.refusalMs }
    if (known !== undefined && isFresh(known, now(), terms)) {
      return { isAllowed: known.allowed, seen: undefined }
    }
    const lifetimeMs = times.grantMs * delegationFactor
    try {
      const answer = await this.#once(key, { route, ...options }, (probe, ended) =>
        this.#components.access.admit(route.repository, probe, { credentials, lifetimeMs, signal: ended }),
      )
      this.#grants.set(key, { allowed: answer.isAllowed, at: now() })
      return answer
    } catch (error) {
      if (!signal.aborted && isOriginAway(error) && isStillGood(known, now(), times.staleGrantMs)) {
        return { isAllowed: true, seen: undefined }
      }
      throw error
    }
  }

  /** Those who ask the same at the same time share one question, and for a while its failure. */
  #once(
    key: string,
    { route, signal, isWhole }: AskOptions & { readonly route: RepositoryRoute },
    ask: (probe: AccessProbe, ended: AbortSignal) => Promise<AccessAnswer>,
  ): Promise<Answer> {
    const { now } = this.#init
    const trouble = this.#troubles.get(key)
    if (trouble !== undefined && now() < trouble.until) return Promise.reject(trouble.error)
    const running = this.#inFlight.get(key)
    if (running !== undefined) return abortable(running, signal)
    const probe = probeFor(route, isWhole)
    const asking = this.#askInTime((ended) => ask(probe, ended))
      .then((answer) => ({ isAllowed: answer.isAllowed, seen: seenBy(probe, answer) }))
      .catch((error) => {
        if (isOriginAway(error)) this.#troubles.set(key, { error, until: now() + failureTtlMs })
        throw error
      })
      .finally(() => this.#inFlight.delete(key))
    this.#inFlight.set(key, asking)
    return abortable(asking, signal)
  }

  async #askInTime(ask: (ended: AbortSignal) => Promise<AccessAnswer>): Promise<AccessAnswer> {
    using deadline = new Deadline({
      what: 'asking the registry whom it lets read this',
      afterMs: this.#init.timeoutMs,
      parent: this.#stopping.signal,
    })
    return await abortable(ask(deadline.signal), deadline.signal)
  }

  /** When this node, or else a peer, resolved the reference in this repository, if anybody could then. */
  async #wasPublicAt(route: RepositoryRoute): Promise<number | undefined> {
    if (route.kind !== 'manifest') return undefined
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
      const asked = own ?? tagHints?.find(repository, text, { signal })
      const record = await abortable(Promise.resolve(asked), signal)
      const wasPublic = record?.isPublic === true && isServable(record, now(), staleTagMaxAgeMs)
      return wasPublic ? record.resolvedAt : undefined
    } catch (error) {
      report('look up who may read', error)
      return undefined
    }
  }

  #hash({ username, password }: Credentials): string {
    return createHmac('sha256', this.#hashKey)
      .update(JSON.stringify([username, password]))
      .digest('base64url')
  }
}

/** What to ask a registry for, to know whether it lets one read what the route is about. */
function probeFor(route: RepositoryRoute, isWhole: boolean | undefined): AccessProbe {
  if (route.kind === 'blob') return { kind: 'blob', digest: route.digest }
  if (route.kind !== 'manifest') return { kind: 'tags' }
  const { reference } = route
  return { kind: 'manifest', reference: 'tag' in reference ? reference.tag : reference.digest, isWhole }
}

function seenBy(probe: AccessProbe, { descriptor, manifest }: AccessAnswer): Seen | undefined {
  if (descriptor === undefined || probe.kind === 'tags') return undefined
  const { kind } = probe
  return { kind, reference: kind === 'blob' ? probe.digest : probe.reference, descriptor, manifest }
}

/** Basic, because every client that answers a mirror's challenge at all can do it, also over plain HTTP on loopback. */
function challenge({ registry, name }: Repository, why: string): RequestError {
  return new RequestError('UNAUTHORIZED', `repository ${registry}/${name}: ${why}`, {
    status: 401,
    reason: 'unauthorized',
    headers: { 'WWW-Authenticate': `Basic realm="${registry}", charset="UTF-8"` },
  })
}
