import { createReadStream } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ByteRange, type Descriptor, type Digest, isDigest } from '@shoal/content'
import type { OciLayout } from './oci-layout.ts'

/** What was asked of the registry and what it gave. */
export interface UpstreamCounts {
  /** Requests for content, HEAD included. */
  readonly requests: number
  /** Bytes of bodies that left, by digest. Headers don't count. */
  readonly bytesByDigest: ReadonlyMap<Digest, number>
}

/** One repository with one tag. */
export interface UpstreamInit {
  readonly layout: OciLayout
  /** The repository's name: `shoal/demo`. */
  readonly name: string
  readonly tag: string
  /** Told of each request for content, HEAD included. */
  readonly onRequest?: () => void
  /** Told of bytes of bodies that left. */
  readonly onSent?: (bytes: number) => void
}

/** Bytes read from disk at a time. */
const pieceBytes = 256 * 1024

/**
 * An origin registry that serves an OCI image layout on loopback and counts what leaves it. The pull side of
 * the Distribution API: manifests by tag and digest, blobs, HEAD, single ranges.
 */
export class UpstreamRegistry {
  readonly #init: UpstreamInit
  readonly #server: Server
  readonly #bytes = new Map<Digest, number>()
  #requests = 0
  #url = ''

  private constructor(init: UpstreamInit) {
    this.#init = init
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(init: UpstreamInit): Promise<UpstreamRegistry> {
    const registry = new UpstreamRegistry(init)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    registry.#server.once('error', reject)
    registry.#server.listen({ host: '127.0.0.1', port: 0 }, resolve)
    await promise
    registry.#url = `http://127.0.0.1:${(registry.#server.address() as AddressInfo).port}`
    return registry
  }

  /** Its root, such as `http://127.0.0.1:40123`. */
  get url(): string {
    return this.#url
  }

  get counts(): UpstreamCounts {
    return { requests: this.#requests, bytesByDigest: new Map(this.#bytes) }
  }

  get bytesSent(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#server.closeAllConnections()
    await promise
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    const path = (request.url ?? '').split('?')[0] ?? ''
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(response, 405, 'UNSUPPORTED', 'this registry can only be read')
    }
    if (path === '/v2/') return void response.writeHead(200, { 'content-length': 0 }).end()
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path)
    if (match?.[1] !== this.#init.name) return refuse(response, 404, 'NAME_UNKNOWN', 'no such repository')
    const reference = match[3] ?? ''
    const isManifest = match[2] === 'manifests'
    const content = isManifest ? this.#manifest(reference) : this.#blob(reference)
    this.#requests++
    this.#init.onRequest?.()
    if (content === undefined) {
      return refuse(response, 404, isManifest ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN', 'no such content')
    }
    await this.#deliver(request, response, content)
  }

  #manifest(reference: string): Descriptor | undefined {
    const { layout, tag } = this.#init
    if (reference === tag) return layout.root
    return isDigest(reference) ? layout.manifests.get(reference) : undefined
  }

  /** Only what belongs to the image; whatever else lies in the directory is nobody's business. */
  #blob(reference: string): Descriptor | undefined {
    return this.#init.layout.pulled.find(({ digest }) => digest === reference)
  }

  async #deliver(
    request: IncomingMessage,
    response: ServerResponse,
    { digest, size, mediaType }: Descriptor,
  ): Promise<void> {
    const range = rangeOf(request.headers.range, size)
    if (range === 'unsatisfiable') {
      response.setHeader('content-range', `bytes */${size}`)
      return refuse(response, 416, 'RANGE_INVALID', `the content has ${size} bytes`)
    }
    const { start, end } = range ?? { start: 0, end: size }
    response.writeHead(range === undefined ? 200 : 206, {
      'content-type': mediaType,
      'content-length': end - start,
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
      etag: `"${digest}"`,
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
    })
    if (request.method === 'HEAD' || start === end) return void response.end()
    try {
      await this.#send(response, digest, { start, end })
      response.end()
    } catch (error) {
      // The client left, or the disk failed: a body that ends early is all that can still be said.
      response.destroy(error instanceof Error ? error : undefined)
    }
  }

  async #send(response: ServerResponse, digest: Digest, { start, end }: ByteRange): Promise<void> {
    const path = this.#init.layout.pathOf(digest)
    const file = createReadStream(path, { start, end: end - 1, highWaterMark: pieceBytes })
    for await (const bytes of file as AsyncIterable<Buffer>) {
      await written(response, bytes)
      this.#bytes.set(digest, (this.#bytes.get(digest) ?? 0) + bytes.length)
      this.#init.onSent?.(bytes.length)
    }
  }
}

/** Waits until the piece was handed to the system: only then it counts, and only then the next is read. */
function written(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const left = () => reject(new Error('the client closed the connection'))
  if (response.destroyed) left()
  response.once('close', left)
  response.write(bytes, (error) => {
    response.off('close', left)
    if (error) reject(error)
    else resolve()
  })
  return promise
}

/** A single range as RFC 9110 has it; undefined when there is none that we have to honour. */
function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '')
  const [, first = '', last = ''] = match ?? []
  if (match === null || (first === '' && last === '')) return undefined
  if (first === '') {
    const start = Math.max(0, size - Number(last))
    return start < size ? { start, end: size } : 'unsatisfiable'
  }
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  // A range that ends before it begins is malformed, and such a header is as good as none.
  if (last !== '' && Number(last) < start) return undefined
  return start < size ? { start, end } : 'unsatisfiable'
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ errors: [{ code, message }] })
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
