import { LRUCache } from 'lru-cache'
import { type Challenge, parseChallenges } from './challenge.ts'
import type { HttpAnswer } from './http-client.ts'
import { basic, type Identity } from './identity.ts'
import { type Realm, vetRealm } from './realm.ts'
import { failure, type Subject } from './subject.ts'
import type { TokenCache } from './token-cache.ts'
import type { TokenService } from './token-service.ts'
import type { Upstream } from './upstream-table.ts'

/** What goes into a request's `Authorization` header, and where it came from. */
export interface Authorization {
  readonly header: string
  readonly token?: { readonly key: string; readonly value: string }
}

/** Who wants in, and where. */
export interface Petition {
  readonly upstream: Upstream
  readonly subject: Subject
  /** Undefined for nobody in particular. */
  readonly identity: Identity | undefined
  readonly signal?: AbortSignal | undefined
}

/** How a registry lets us in to a repository. */
type Way =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer'
      readonly realm: string
      readonly service: string | undefined
      readonly scopes: string[]
    }

const maxRepositories = 1_000
const maxScopes = 8

/**
 * Answers registries' challenges, and remembers them, so that later requests for the same repository carry
 * their token from the start.
 */
export class Authorizer {
  readonly #tokens: TokenCache
  readonly #service: TokenService
  readonly #ways = new LRUCache<string, Way>({ max: maxRepositories })

  constructor(tokens: TokenCache, service: TokenService) {
    this.#tokens = tokens
    this.#service = service
  }

  /**
   * What to send unasked: something once this repository has asked before.
   *
   * @throws AttemptError, OriginError, or the signal's reason
   */
  async anticipate(petition: Petition): Promise<Authorization | undefined> {
    const key = wayKey(petition)
    const way = this.#ways.get(key)
    if (way === undefined) return undefined
    try {
      return await this.#take(way, petition)
    } catch (error) {
      // What the registry once said may no longer hold: next time, let it say again.
      this.#ways.delete(key)
      throw error
    }
  }

  /**
   * What to send after a 401 to a request that carried `rejected`; undefined when there is nothing more to
   * try.
   *
   * @throws AttemptError, OriginError, or the signal's reason
   */
  async respond(
    answer: HttpAnswer,
    rejected: Authorization | undefined,
    petition: Petition,
  ): Promise<Authorization | undefined> {
    const way = chooseWay(parseChallenges(answer.headers['www-authenticate']), petition)
    if (way === undefined) return undefined
    this.#ways.set(wayKey(petition), way)
    if (rejected?.token !== undefined) this.#tokens.reject(rejected.token.key, rejected.token.value)
    const next = await this.#take(way, petition)
    return next?.header === rejected?.header ? undefined : next
  }

  async #take(way: Way, petition: Petition): Promise<Authorization | undefined> {
    const { upstream, subject, identity, signal } = petition
    if (way.scheme === 'basic') {
      const header = basic(identity?.secret)
      return header === undefined ? undefined : { header }
    }
    const { service, scopes } = way
    const realm = admitRealm(way.realm, petition)
    const key = JSON.stringify([
      upstream.registry,
      upstream.base.origin,
      realm.url.href,
      service ?? null,
      scopes,
      identity?.key ?? null,
    ])
    // Not under this caller's signal: others may wait for the same token.
    const load = () => this.#service.fetch({ upstream, realm, service, scopes, subject, identity })
    const value = await this.#tokens.get(key, load, signal)
    return { header: `Bearer ${value}`, token: { key, value } }
  }
}

function chooseWay(challenges: readonly Challenge[], { subject }: Petition): Way | undefined {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
  if (bearer !== undefined) return bearerWay(bearer, subject)
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined
}

function bearerWay({ parameters }: Challenge, subject: Subject): Way {
  const asked = (parameters.get('scope') ?? '').split(/\s+/).filter((scope) => scope !== '')
  const scopes = asked.length > 0 ? asked.slice(0, maxScopes) : [`repository:${subject.repository}:pull`]
  return {
    scheme: 'bearer',
    realm: parameters.get('realm') ?? '',
    service: parameters.get('service'),
    scopes,
  }
}

/** @throws OriginError `refused` for a token service that may not be asked, or not as this identity */
function admitRealm(text: string, { upstream, subject, identity }: Petition): Realm {
  const realm = vetRealm(text, upstream, identity !== undefined)
  if (!('refusal' in realm)) return realm
  const why = `registry ${subject.registry} asks for a token that we do not fetch: ${realm.refusal}`
  throw failure('refused', subject, why)
}

function wayKey({ upstream, subject }: Petition): string {
  return `${upstream.base.origin}/${subject.registry}/${subject.repository}`
}
