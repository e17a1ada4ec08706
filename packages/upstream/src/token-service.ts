import * as z from 'zod/mini'
import { readDocument } from './body.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import type { Realm } from './realm.ts'
import { statusFault } from './status-fault.ts'
import { malformed, type Subject } from './subject.ts'
import type { Token } from './token-cache.ts'
import type { Credentials, Upstream, UpstreamTable } from './upstream-table.ts'

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
}

export interface TokenServiceComponents {
  readonly http: HttpClient
  readonly table: UpstreamTable
  readonly now: () => number
}

/** Asks registries' token services for tokens, with the upstream's credentials if it has any. */
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
    const { upstream, realm, subject } = request
    const answer = await this.#http.send({
      method: 'GET',
      url: withQuery(request),
      headers: upstream.credentials === undefined ? {} : { authorization: basic(upstream.credentials) },
      via: realm.own && upstream.named ? upstream : this.#table.ownerOf(realm.url.origin),
      subject,
    })
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

  async #read(answer: HttpAnswer, subject: Subject): Promise<Token> {
    const limits = { maxBytes: maxTokenDocumentBytes, timeoutMs: this.#http.timeouts.documentMs }
    const read = tokenSchema.safeParse(parseJson(await readDocument(answer, limits, { subject })))
    const value = read.data?.token ?? read.data?.access_token
    if (read.success && value !== undefined) return { value, lifetimeMs: read.data.expires_in * 1_000 }
    // Nothing of what came may be shown: it could be a token in another form.
    throw malformed(subject, `a token service, ${answer.url.host}, whose answer holds no token`)
  }
}

/** The value of an `Authorization` header. */
export function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function withQuery({ realm, service, scopes }: TokenRequest): URL {
  const url = new URL(realm.url)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  return url
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined // not a token either way, and the schema says so
  }
}
