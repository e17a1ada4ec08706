import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Content {
  readonly digest: string
  readonly bytes: Uint8Array
  readonly mediaType: string
}

/** A repository: what is in it, and who may read it. */
export interface MemoryRepository {
  /** Digests by tag. */
  readonly tags: Map<string, string>
  readonly manifests: Map<string, Content>
  readonly blobs: Map<string, Content>
  /** `user:password`; undefined for everybody. */
  readonly reader?: string
}

/** One request, as the registry saw it. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly range: string | undefined
  readonly userAgent: string | undefined
}

/** Answers in the registry's stead; false to let it answer. */
export type Intercept = (request: IncomingMessage, response: ServerResponse, content?: Content) => boolean

const tokenLifetimeSeconds = 300

/** A registry in this process: the pull side, Bearer tokens, ranges. It counts the bytes of each blob that it sends. */
export class MemoryRegistry implements AsyncDisposable {
  readonly repositories = new Map<string, MemoryRepository>()
  readonly asked: Asked[] = []
  /** Bytes of bodies, by digest. */
  readonly sent = new Map<string, number>()
  intercept: Intercept = () => false
  readonly #server: Server
  /** Who a token was given to, and for which repository. */
  readonly #tokens = new Map<string, { readonly user: string; readonly repository: string }>()

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response))
  }

  static async start(port = 0): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    registry.#server.once('error', reject).listen({ host: '127.0.0.1', port }, resolve)
    await promise
    return registry
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  add(name: string, reader?: string): MemoryRepository {
    const repository = { tags: new Map(), manifests: new Map(), blobs: new Map(), ...(reader && { reader }) }
    this.repositories.set(name, repository)
    return repository
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#server.closeAllConnections()
    await promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    response.on('error', () => undefined) // the other side left: what was sent was counted
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry')
    const { authorization, range, 'user-agent': userAgent } = request.headers
    this.asked.push({ method: request.method ?? '', path: pathname, authorization, range, userAgent })
    if (pathname === '/token') return this.#giveToken(searchParams, authorization, response)
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(pathname)
    const [, name = '', kind = '', reference = ''] = match ?? []
    const repository = this.repositories.get(name)
    const content = repository && find(repository, kind, reference)
    if (this.intercept(request, response, content)) return
    if (pathname === '/v2/') return send(response, 200, Buffer.from('{}'))
    if (repository?.reader !== undefined && !this.#isReader(authorization, name, repository.reader)) {
      const challenge = `Bearer realm="http://${this.host}/token",service="memory",scope="repository:${name}:pull"`
      response.setHeader('www-authenticate', challenge)
      return refuse(response, 401, 'UNAUTHORIZED')
    }
    if (repository !== undefined && kind === 'tags') {
      return this.#listTags(response, { name, repository, searchParams })
    }
    if (content === undefined)
      return refuse(response, 404, kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN')
    this.deliver(request, response, content)
  }

  #listTags(
    response: ServerResponse,
    {
      name,
      repository,
      searchParams,
    }: { name: string; repository: MemoryRepository; searchParams: URLSearchParams },
  ): void {
    const last = searchParams.get('last') ?? ''
    const rest = [...repository.tags.keys()].sort().filter((tag) => tag > last)
    const tags = rest.slice(0, Number(searchParams.get('n') ?? rest.length))
    if (tags.length < rest.length) {
      const query = new URLSearchParams({ n: String(tags.length), last: tags.at(-1) ?? '' })
      response.setHeader('link', `</v2/${name}/tags/list?${query}>; rel="next"`)
    }
    send(response, 200, Buffer.from(JSON.stringify({ name, tags })))
  }

  /** Sends content as a registry does, or the single range that is asked for. */
  deliver(request: IncomingMessage, response: ServerResponse, content: Content): void {
    const { start, end } = this.writeHead(request, response, content)
    if (request.method === 'HEAD') response.end()
    else this.#count(response, content.digest, content.bytes.subarray(start, end))
  }

  /** Sends the head alone, and says what the body is to be. */
  writeHead(
    request: IncomingMessage,
    response: ServerResponse,
    { digest, bytes, mediaType }: Content,
    { withLength = true } = {},
  ): { start: number; end: number } {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    const start = Number(first ?? 0)
    const end = last ? Math.min(Number(last) + 1, bytes.length) : bytes.length
    response.writeHead(first === undefined ? 200 : 206, {
      'content-type': mediaType,
      'docker-content-digest': digest,
      ...(withLength ? { 'content-length': end - start } : {}),
      ...(first === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }),
    })
    return { start, end }
  }

  /** In pieces, so that what a client that left never got is not counted. */
  #count(response: ServerResponse, digest: string, bytes: Uint8Array): void {
    const pieceBytes = 64 * 1024
    let at = 0
    const next = (): void => {
      if (at >= bytes.length || response.destroyed) return void response.end()
      const piece = bytes.subarray(at, at + pieceBytes)
      at += piece.length
      response.write(piece, (error) => {
        if (error) return
        this.sent.set(digest, (this.sent.get(digest) ?? 0) + piece.length)
        next()
      })
    }
    next()
  }

  #giveToken(query: URLSearchParams, authorization: string | undefined, response: ServerResponse): void {
    const user = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64').toString()
    const repository = query.get('scope')?.split(':')[1] ?? ''
    const token = createHash('sha256')
      .update(`${user} ${repository} ${this.#tokens.size}`)
      .digest('base64url')
    this.#tokens.set(token, { user, repository })
    send(response, 200, Buffer.from(JSON.stringify({ token, expires_in: tokenLifetimeSeconds })))
  }

  #isReader(authorization: string | undefined, repository: string, reader: string): boolean {
    const token = this.#tokens.get((authorization ?? '').replace(/^Bearer /, ''))
    return token !== undefined && token.user === reader && token.repository === repository
  }
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function find(
  { tags, manifests, blobs }: MemoryRepository,
  kind: string,
  reference: string,
): Content | undefined {
  if (kind === 'blobs') return blobs.get(reference)
  return kind === 'manifests' ? manifests.get(tags.get(reference) ?? reference) : undefined
}

function send(response: ServerResponse, status: number, body: Uint8Array): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

function refuse(response: ServerResponse, status: number, code: string): void {
  send(response, status, Buffer.from(JSON.stringify({ errors: [{ code, message: code }] })))
}

export interface MemoryImage {
  readonly digest: string
  /** Digest of its configuration. */
  readonly config: string
  readonly layers: readonly { readonly digest: string; readonly bytes: Uint8Array }[]
}

/** Puts an image of these layers into a repository, under a tag. */
export function addImage(
  repository: MemoryRepository,
  tag: string,
  layers: readonly Uint8Array[],
): MemoryImage {
  const put = (place: Map<string, Content>, bytes: Uint8Array, mediaType: string) => {
    const digest = sha256(bytes)
    place.set(digest, { digest, bytes, mediaType })
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const layerType = 'application/vnd.oci.image.layer.v1.tar'
  const descriptors = layers.map((bytes) => put(repository.blobs, bytes, layerType))
  const rootfs = { type: 'layers', diff_ids: descriptors.map(({ digest }) => digest) }
  const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }
  const config = put(
    repository.blobs,
    json({ ...platform, rootfs, config: { Labels: { tag } } }),
    'application/vnd.oci.image.config.v1+json',
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = put(
    repository.manifests,
    json({ schemaVersion: 2, mediaType, config, layers: descriptors }),
    mediaType,
  )
  repository.tags.set(tag, manifest.digest)
  return {
    digest: manifest.digest,
    config: config.digest,
    layers: layers.map((bytes) => ({ digest: sha256(bytes), bytes })),
  }
}
