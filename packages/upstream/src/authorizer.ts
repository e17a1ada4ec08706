import { LRUCache } from 'lru-cache'
import { type Challenge, parseChallenges } from './challenge.ts'
import type { HttpAnswer } from './http-client.ts'
import { type Realm, vetRealm } from './realm.ts'
import { failure, type Subject } from './subject.ts'
import type { TokenCache } from './token-cache.ts'
import { basic, type TokenService } from './token-service.ts'
import type { Upstream } from './upstream-table.ts'

/** What goes into a request's `Authorization` header, and where it came from. */
export interface Authorization {
  readonly header: string
  readonly token?: { readonly key: string; readonly value: string }
}

/** How a registry lets us in to a repository. */
type Way =
  | { readonly scheme: 'basic'; readonly header: string }
  | {
      readonly scheme: 'bearer'
      readonly realm: Realm
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
  async anticipate(
    upstream: Upstream,
    subject: Subject,
    signal?: AbortSignal,
  ): Promise<Authorization | undefined> {
    const key = repositoryKey(subject)
    const way = this.#ways.get(key)
    if (way === undefined) return undefined
    try {
      return await this.#take(way, { upstream, subject }, signal)
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
    context: {
      readonly upstream: Upstream
      readonly subject: Subject
      readonly signal?: AbortSignal | undefined
    },
  ): Promise<Authorization | undefined> {
    const way = chooseWay(parseChallenges(answer.headers['www-authenticate']), context)
    if (way === undefined) return undefined
    this.#ways.set(repositoryKey(context.subject), way)
    if (rejected?.token !== undefined) this.#tokens.reject(rejected.token.key, rejected.token.value)
    const next = await this.#take(way, context, context.signal)
    return next.header === rejected?.header ? undefined : next
  }

  async #take(
    way: Way,
    { upstream, subject }: { readonly upstream: Upstream; readonly subject: Subject },
    signal: AbortSignal | undefined,
  ): Promise<Authorization> {
    if (way.scheme === 'basic') return { header: way.header }
    const { realm, service, scopes } = way
    const identity = upstream.credentials?.username ?? null
    const key = JSON.stringify([upstream.registry, realm.url.href, service ?? null, scopes, identity])
    // Not under this caller's signal: others may wait for the same token.
    const load = () => this.#service.fetch({ upstream, realm, service, scopes, subject })
    const value = await this.#tokens.get(key, load, signal)
    return { header: `Bearer ${value}`, token: { key, value } }
  }
}

function chooseWay(
  challenges: readonly Challenge[],
  { upstream, subject }: { readonly upstream: Upstream; readonly subject: Subject },
): Way | undefined {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
  if (bearer !== undefined) return bearerWay(bearer, upstream, subject)
  const takesBasic = challenges.some(({ scheme }) => scheme === 'basic')
  if (!takesBasic || upstream.credentials === undefined) return undefined
  return { scheme: 'basic', header: basic(upstream.credentials) }
}

function bearerWay({ parameters }: Challenge, upstream: Upstream, subject: Subject): Way {
  const realm = vetRealm(parameters.get('realm') ?? '', upstream)
  if ('refusal' in realm) {
    const why = `registry ${subject.registry} asks for a token that we do not fetch: ${realm.refusal}`
    throw failure('refused', subject, why)
  }
  const asked = (parameters.get('scope') ?? '').split(/\s+/).filter((scope) => scope !== '')
  const scopes = asked.length > 0 ? asked.slice(0, maxScopes) : [`repository:${subject.repository}:pull`]
  return { scheme: 'bearer', realm, service: parameters.get('service'), scopes }
}

function repositoryKey({ registry, repository }: Subject): string {
  return `${registry}/${repository}`
}
