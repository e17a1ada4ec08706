import { Readable } from 'node:stream'
import {
  type AbortOptions,
  type OriginPush,
  type PushAnswer,
  type PushRequest,
  parseRepositoryName,
  type Repository,
} from '@shoal/content'
import { readDocument } from './body.ts'
import type { Connections } from './connections.ts'
import type { HttpAnswer, HttpHeaders } from './http-client.ts'
import { networkFault } from './network-fault.ts'
import type { Timeouts } from './origin-init.ts'
import type { Upstream, UpstreamTable } from './upstream-table.ts'

/** What a registry needs to know of a push. */
const requestHeaders = ['authorization', 'content-type', 'content-length', 'content-range', 'accept'] as const
/** What a client needs to know of its answer; `location` is looked at apart. */
const answerHeaders = [
  ...['content-type', 'docker-content-digest', 'docker-upload-uuid', 'location', 'range', 'retry-after'],
  ...[
    'oci-chunk-max-length',
    'oci-chunk-min-length',
    'oci-subject',
    'oci-tag',
    'warning',
    'www-authenticate',
  ],
] as const
/** From the last byte of a push to the registry's answer: it may verify gigabytes, or copy them. */
const answerTimeoutMs = 120_000
const maxAnswerBytes = 4 * 1024 * 1024

export interface PushClientComponents {
  readonly table: UpstreamTable
  readonly connections: Connections
  readonly timeouts: Timeouts
}

/** Carries pushes: no retries, since a body comes once, and no redirects, since they are the client's to follow. */
export class PushClient implements OriginPush {
  readonly #with: PushClientComponents

  constructor(components: PushClientComponents) {
    this.#with = components
  }

  async forward(
    { registry, name }: Repository,
    request: PushRequest,
    { signal }: AbortOptions = {},
  ): Promise<PushAnswer> {
    const upstream = this.#with.table.find(registry)
    const subject = { registry: upstream.registry, repository: parseRepositoryName(name), what: request.path }
    const root = new URL(upstream.base)
    root.pathname = `${root.pathname}/${name}/`
    const url = new URL(root)
    url.pathname += request.path
    url.search = request.query
    try {
      const { statusCode, headers, body } = await this.#with.connections
        .dispatcherFor(upstream, 'push')
        .request({
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: request.method as 'PUT',
          headers: picked(request.headers, requestHeaders),
          body: hasBody(request) ? Readable.from(request.body, { objectMode: false }) : null,
          headersTimeout: answerTimeoutMs,
          ...(signal && { signal }),
        })
      const answer: HttpAnswer = { url, status: statusCode, headers, body }
      const limits = { maxBytes: maxAnswerBytes, timeoutMs: this.#with.timeouts.documentMs }
      const read = await readDocument(answer, limits, { subject, signal })
      return {
        status: statusCode,
        headers: picked(headers, answerHeaders),
        body: read,
        ...goesOn(answer, upstream, root),
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw networkFault(error, subject, url).origin
    }
  }
}

function hasBody({ method, headers }: PushRequest): boolean {
  return method !== 'GET' && method !== 'DELETE' && (headers['content-length'] ?? '1') !== '0'
}

function picked(headers: HttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  )
}

function goesOn(
  { url, headers }: HttpAnswer,
  { base }: Upstream,
  root: URL,
): Pick<PushAnswer, 'continuesAt'> {
  const location = String(headers.location ?? '')
  if (location === '' || !URL.canParse(location, url.href)) return {}
  const target = new URL(location, url)
  if (target.origin !== base.origin || !target.pathname.startsWith(root.pathname)) return {}
  return { continuesAt: { path: target.pathname.slice(root.pathname.length), query: target.search.slice(1) } }
}
