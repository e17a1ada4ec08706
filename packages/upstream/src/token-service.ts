import * as z from 'zod/mini'
import { discard, readDocument } from './body.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from './http-client.ts'
import { basic, type Identity } from './identity.ts'
import type { Realm } from './realm.ts'
import { statusFault } from './status-fault.ts'
import { malformed, type Subject } from './subject.ts'
import type { Token } from './token-cache.ts'
import type { Upstream, UpstreamTable } from './upstream-table.ts'

const maxTokenDocumentBytes = 64 * 1024
/** The Docker token specification's default for services that do not say. */
const defaultLifetimeSeconds = 60

/** A token goes into a header as it is, so it may hold nothing that ends one. */
const tokenText = z.string().check(z.regex(/^[\x21-\x7e]{1,32768}$/))
const tokenSchema = z.object({
  token: z.optional(tokenText),
  access_token: z.optional(tokenText),
  expires_in: z.catch(z.number().check(z.positive()), defaultLifetimeSeconds),
})

export interface TokenRequest {
  readonly upstream: Upstream
  readonly realm: Realm
  readonly service: string | undefined
  readonly scopes: readonly string[]
  readonly subject: Subject
  /** As whom; undefined for nobody in particular. */
  readonly identity: Identity | undefined
}

export interface TokenServiceComponents {
  readonly http: HttpClient
  readonly table: UpstreamTable
  readonly now: () => number
}

/** Statuses of a token service that does not do GET, or not this kind. */
const postInstead = new Set([400, 404, 405])

/**
 * Asks registries' token services for tokens: by GET, which every one of them takes from a user with a password, and by
 * the POST of OAuth 2 where GET is not to be had or where the secret is itself a token.
 */
export class TokenService {
  readonly #http: HttpClient
  readonly #table: UpstreamTable
  readonly #now: () => number

  constructor({ http, table, now }: TokenServiceComponents) {
    this.#http = http
    this.#table = table
    this.#now = now
  }

  /** @throws AttemptError or OriginError */
  async fetch(request: TokenRequest): Promise<Token> {
    const { identity, subject } = request
    const needsPost = identity !== undefined && !('username' in identity.secret)
    const answer = needsPost ? await this.#post(request) : await this.#get(request)
    if (answer.status === 200) return this.#read(answer, subject)
    // Also for a redirect: it could take the credentials anywhere.
    const error = await statusFault(answer, subject, this.#now())
    if (error.origin.fault !== 'not-found') throw error
    // Says nothing about the content that the token is for.
    throw malformed(
      subject,
      `a token service, ${answer.url.host}, that is not there: status ${answer.status}`,
    )
  }

  async #get(request: TokenRequest): Promise<HttpAnswer> {
    const authorization = basic(request.identity?.secret)
    const answer = await this.#http.send({
      method: 'GET',
      url: withQuery(request),
      headers: authorization === undefined ? {} : { authorization },
      ...this.#target(request),
    })
    if (request.identity === undefined || !postInstead.has(answer.status)) return answer
    await discard(answer.body)
    return this.#post(request)
  }

  #post(request: TokenRequest): Promise<HttpAnswer> {
    return this.#http.send({
      method: 'POST',
      url: request.realm.url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: oauthForm(request).toString(),
      ...this.#target(request),
    })
  }

  #target({ upstream, realm, subject }: TokenRequest): Pick<HttpRequest, 'via' | 'subject'> {
    return { via: realm.own && upstream.named ? upstream : this.#table.ownerOf(realm.url.origin), subject }
  }

  async #read(answer: HttpAnswer, subject: Subject): Promise<Token> {
    const limits = { maxBytes: maxTokenDocumentBytes, timeoutMs: this.#http.timeouts.documentMs }
    const read = tokenSchema.safeParse(parseJson(await readDocument(answer, limits, { subject })))
    const value = read.data?.token ?? read.data?.access_token
    if (read.success && value !== undefined) return { value, lifetimeMs: read.data.expires_in * 1_000 }
    // Nothing of what came may be shown: it could be a token in another form.
    throw malformed(subject, `a token service, ${answer.url.host}, whose answer holds no token`)
  }
}

function withQuery({ realm, service, scopes }: TokenRequest): URL {
  const url = new URL(realm.url)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  return url
}

/** The form of the Docker registry's OAuth 2: a password, or a token that buys tokens. */
function oauthForm({ identity, service, scopes }: TokenRequest): URLSearchParams {
  const form = new URLSearchParams({ client_id: 'shoal', scope: scopes.join(' ') })
  if (service !== undefined) form.set('service', service)
  const secret = identity?.secret
  if (secret === undefined) return form
  if ('identityToken' in secret) {
    form.set('grant_type', 'refresh_token')
    form.set('refresh_token', secret.identityToken)
  } else {
    form.set('grant_type', 'password')
    form.set('username', secret.username)
    form.set('password', secret.password)
  }
  return form
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined // not a token either way, and the schema says so
  }
}
