import {
  type AbortOptions,
  acceptAnyManifest,
  type ByteRange,
  type ContentAddress,
  type Descriptor,
  type Digest,
  type FetchOptions,
  InvalidInputError,
  mediaTypes,
  type Origin,
  type OriginContent,
  type OriginListing,
  parseDigest,
  parseRepositoryName,
  parseTag,
  type Repository,
} from '@shoal/content'
import { contentLength, mediaType, nextQuery } from './answer-headers.ts'
import { abandon, discard, readDocument } from './body.ts'
import { formatRange } from './content-range.ts'
import type { HttpAnswer } from './http-client.ts'
import { headerDigest, readManifest } from './manifest-document.ts'
import { checkSize, type OpenContentInit, openContent } from './open-content.ts'
import type { RegistryRequest, Requester } from './requester.ts'
import { malformed } from './subject.ts'
import type { UpstreamTable } from './upstream-table.ts'

/** A page of tags or referrers; the OCI specification asks registries to keep those under 4 MiB as well. */
const maxListingBytes = 4 * 1024 * 1024
/** What a client of the shim needs to know of a listing besides its body. */
const passedHeaders = ['oci-filters-applied', 'warning'] as const

type ContentRequest = Omit<RegistryRequest, 'method'>

export interface OriginClientComponents {
  readonly table: UpstreamTable
  readonly requester: Requester
  readonly documentTimeoutMs: number
}

/** The operations of the distribution API that pulling takes. */
export class OriginClient implements Origin {
  readonly #table: UpstreamTable
  readonly #requester: Requester
  readonly #documentTimeoutMs: number

  constructor({ table, requester, documentTimeoutMs }: OriginClientComponents) {
    this.#table = table
    this.#requester = requester
    this.#documentTimeoutMs = documentTimeoutMs
  }

  async resolve(repository: Repository, tag: string, options: AbortOptions = {}): Promise<Descriptor> {
    const about = { what: `manifest ${parseTag(tag)}`, path: `manifests/${tag}` }
    const request = { ...this.#request(repository, about, options), headers: { accept: acceptAnyManifest } }
    const head = await this.#head(request, [405])
    const digest = headerDigest(head, request.subject)
    const size = contentLength(head.headers)
    if (head.status !== 200 || digest === undefined || size === undefined) return this.#measure(request)
    checkSize(size, 'manifest', request.subject)
    return { digest, size, mediaType: mediaType(head.headers) }
  }

  async describe(address: ContentAddress, options: AbortOptions = {}): Promise<Descriptor> {
    const { kind, digest } = address
    const request = this.#contentRequest(address, options)
    // A signed redirect may be good for a GET only: then HEAD is forbidden where GET is not.
    const head = await this.#head(request, kind === 'blob' ? [403, 405] : [405])
    const size = head.status === 200 ? contentLength(head.headers) : undefined
    if (size !== undefined) {
      checkSize(size, kind, request.subject)
      return { digest, size, mediaType: mediaType(head.headers) }
    }
    return kind === 'manifest' ? this.#measure(request, digest) : this.#probe(request, digest)
  }

  async fetch(address: ContentAddress, options: FetchOptions = {}): Promise<OriginContent> {
    const request = this.#contentRequest(address, options)
    const measure = async () => {
      const head = await this.#head(request, [])
      return contentLength(head.headers) ?? unknownSize(request)
    }
    return this.#open(request, { ...options, kind: address.kind, measure })
  }

  listTags(repository: Repository, query: string, options: AbortOptions = {}): Promise<OriginListing> {
    const about = { what: 'tag list', path: 'tags/list', accept: 'application/json', query }
    return this.#list(repository, about, options)
  }

  listReferrers(
    repository: Repository,
    digest: Digest,
    query: string,
    options: AbortOptions = {},
  ): Promise<OriginListing> {
    const path = `referrers/${parseDigest(digest)}`
    const about = { what: `referrers of ${digest}`, path, accept: mediaTypes.ociIndex, query }
    return this.#list(repository, about, options)
  }

  async #list(
    repository: Repository,
    about: { what: string; path: string; accept: string; query: string },
    options: AbortOptions,
  ): Promise<OriginListing> {
    const request = this.#request(repository, about, options)
    const { accept, query } = about
    const answer = await this.#requester.send({ ...request, method: 'GET', query, headers: { accept } })
    const body = await readDocument(answer, this.#limits(maxListingBytes), request)
    const next = nextQuery(answer.headers)
    return {
      mediaType: mediaType(answer.headers),
      body,
      headers: passed(answer),
      ...(next === undefined ? {} : { next }),
    }
  }

  async #head(request: ContentRequest, tolerate: readonly number[]): Promise<HttpAnswer> {
    const answer = await this.#requester.send({ ...request, method: 'HEAD', tolerate })
    await discard(answer.body)
    return answer
  }

  /** Gets a manifest to know what HEAD did not tell. */
  async #measure(request: ContentRequest, expected?: Digest): Promise<Descriptor> {
    const answer = await this.#requester.send({ ...request, method: 'GET' })
    const { subject, signal } = request
    const timeoutMs = this.#documentTimeoutMs
    const { descriptor } = await readManifest(answer, { subject, signal, timeoutMs, expected })
    return descriptor
  }

  /** Asks for one byte of a blob to know the size of the whole. */
  async #probe(request: ContentRequest, digest: Digest): Promise<Descriptor> {
    const range = { start: 0, end: 1 }
    const content = await this.#open(request, {
      kind: 'blob',
      range,
      measure: async () => unknownSize(request),
    })
    await content.body[Symbol.asyncIterator]().return?.()
    return { digest, size: content.size, mediaType: content.mediaType }
  }

  async #open(
    request: ContentRequest,
    { kind, range: asked, borrow, measure }: FetchOptions & Pick<OpenContentInit, 'kind' | 'measure'>,
  ): Promise<OriginContent> {
    const range: Record<string, string> = asked === undefined ? {} : { range: formatRange(checkRange(asked)) }
    const headers = { ...request.headers, ...range }
    const answer = await this.#requester.send({ ...request, method: 'GET', headers })
    const { subject, signal } = request
    try {
      const documentTimeoutMs = this.#documentTimeoutMs
      return await openContent({ answer, kind, asked, borrow, subject, signal, documentTimeoutMs, measure })
    } catch (error) {
      abandon(answer.body)
      throw error
    }
  }

  #contentRequest({ repository, kind, digest }: ContentAddress, options: AbortOptions): ContentRequest {
    const about = { what: `${kind} ${digest}`, path: `${kind}s/${parseDigest(digest)}` }
    const request = this.#request(repository, about, options)
    return kind === 'manifest' ? { ...request, headers: { accept: acceptAnyManifest } } : request
  }

  #request(
    { registry, name }: Repository,
    { what, path }: { readonly what: string; readonly path: string },
    { signal }: AbortOptions,
  ): ContentRequest {
    const upstream = this.#table.find(registry)
    const subject = { registry: upstream.registry, repository: parseRepositoryName(name), what }
    return { upstream, subject, path: `${name}/${path}`, signal }
  }

  #limits(maxBytes: number) {
    return { maxBytes, timeoutMs: this.#documentTimeoutMs }
  }
}

function checkRange(range: ByteRange): ByteRange {
  const { start, end } = range
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start < end) return range
  throw new InvalidInputError(
    'RANGE_INVALID',
    `bytes ${start} to ${end} are no range: expected 0 <= start < end`,
  )
}

function unknownSize({ subject }: ContentRequest): never {
  throw malformed(subject, 'no Content-Length, neither to GET nor to HEAD, so that its size is unknown')
}

function passed({ headers }: HttpAnswer): Record<string, string> {
  const found = passedHeaders.map((name) => [name, headers[name]] as const)
  return Object.fromEntries(
    found.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}
