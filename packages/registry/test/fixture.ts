import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import {
  type ByteRange,
  type ContentAddress,
  type ContentSource,
  ContentUnavailableError,
  type Descriptor,
  type Digest,
  type MetadataStore,
  mediaTypes,
  type OpenContent,
  type Origin,
  type OriginAccess,
  OriginError,
  parseDigest,
  type Repository,
  type TagRecord,
} from '@shoal/content'
import type { ExecutionContext } from 'ava'
import {
  createRegistry,
  type Registry,
  type RegistryComponents,
  type RegistryEvent,
  type RegistryInit,
  type RequestEvent,
} from '../dist/index.js'

export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
}

/** A digest that nobody has content for. */
export const unknownDigest = parseDigest(`sha256:${'0'.repeat(64)}`)

/** Bytes that differ from place to place, so that a shifted range shows. */
export function patternOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >>> 8)) & 0xff)
}

/** An image manifest and what it refers to. */
export function makeManifest(layer: Uint8Array = patternOf(1000)): {
  readonly bytes: Uint8Array
  readonly digest: Digest
  readonly layer: Descriptor
} {
  const config = Buffer.from('{}')
  const layerDescriptor = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: digestOf(layer),
    size: layer.length,
  }
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: 2 },
      layers: [layerDescriptor],
    }),
  )
  return { bytes, digest: digestOf(bytes), layer: layerDescriptor }
}

export interface FakeItem {
  /** What the descriptor says. */
  readonly size: number
  readonly mediaType: string
  /** The source's behaviour, which may be bad. */
  readonly read: (range: ByteRange, signal: AbortSignal) => AsyncIterable<Uint8Array>
}

/** An item that delivers, in pieces of at most `pieceLength` bytes. */
export function goodItem(
  bytes: Uint8Array,
  { mediaType = 'application/octet-stream', pieceLength = 64 * 1024 } = {},
): FakeItem {
  return {
    size: bytes.length,
    mediaType,
    read: async function* ({ start, end }) {
      for (let at = start; at < end; at += pieceLength) yield bytes.slice(at, Math.min(at + pieceLength, end))
    },
  }
}

/** Waits for ever, or until the signal aborts. */
export async function never(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

/** A content source that holds what it is given, and counts what is open. */
export class FakeContent implements ContentSource {
  readonly items = new Map<Digest, FakeItem>()
  readonly opened: ContentAddress[] = []
  openCount = 0

  add(digest: Digest, item: FakeItem): this {
    this.items.set(digest, item)
    return this
  }

  async open(address: ContentAddress): Promise<OpenContent> {
    this.opened.push(address)
    const { digest } = address
    const item = this.items.get(digest)
    if (item === undefined) throw new ContentUnavailableError(digest, 'nobody has it')
    this.openCount++
    const close = async (): Promise<void> => {
      this.openCount--
    }
    return {
      descriptor: { digest, size: item.size, mediaType: item.mediaType },
      read: (range = { start: 0, end: item.size }, { signal } = {}) =>
        item.read(range, signal ?? new AbortController().signal),
      close,
      [Symbol.asyncDispose]: close,
    }
  }
}

/** An origin on which every call fails as `not-found` unless a test says otherwise. */
export function fakeOrigin(methods: Partial<Origin> = {}): Origin {
  const missing = async (): Promise<never> => {
    throw new OriginError('not-found', 'no such thing')
  }
  return {
    resolve: missing,
    describe: missing,
    fetch: missing,
    listTags: missing,
    listReferrers: missing,
    ...methods,
  }
}

/** Registries that let everybody read everything. */
export const openAccess: OriginAccess = {
  isPublic: async () => ({ isAllowed: true }),
  admit: async () => ({ isAllowed: true }),
}

/** An origin that, unless a test says otherwise, knows what the content source holds. */
function vouching(origin: Origin, { items }: FakeContent): Origin {
  return {
    ...origin,
    async describe(address, options) {
      const item = items.get(address.digest)
      if (item === undefined) return origin.describe(address, options)
      return { digest: address.digest, size: item.size, mediaType: item.mediaType }
    },
  }
}

export class FakeMetadata implements MetadataStore {
  readonly tags = new Map<string, TagRecord>()
  readonly descriptors = new Map<Digest, Descriptor>()

  async getTag(repository: Repository, tag: string): Promise<TagRecord | undefined> {
    return this.tags.get(tagKey(repository, tag))
  }

  async putTag(repository: Repository, tag: string, record: TagRecord): Promise<void> {
    this.tags.set(tagKey(repository, tag), record)
  }

  async nameManifest(): Promise<void> {
    // Names are of no use to the shim.
  }

  async isProven(): Promise<boolean> {
    return true // who has which bytes is the content source's to know
  }

  async recordProof(): Promise<void> {
    // As above.
  }

  async partialOf(): Promise<undefined> {
    // As above.
  }

  async recordPartial(): Promise<void> {
    // As above.
  }

  async getDescriptor(digest: Digest): Promise<Descriptor | undefined> {
    return this.descriptors.get(digest)
  }

  async putDescriptors(descriptors: readonly Descriptor[]): Promise<void> {
    for (const descriptor of descriptors) this.descriptors.set(descriptor.digest, descriptor)
  }
}

export function tagKey({ registry, name }: Repository, tag: string): string {
  return `${registry}/${name}:${tag}`
}

export interface Shim {
  readonly registry: Registry
  readonly port: number
  readonly content: FakeContent
  readonly metadata: FakeMetadata
  readonly events: RegistryEvent[]
  /** The next line of the access log, from now on. */
  nextRequest(): Promise<RequestEvent>
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  head(path: string, headers?: Record<string, string>): Promise<Answer>
}

/** A registry on a free port with fakes behind it, stopped when the test ends. */
export async function startShim(
  t: ExecutionContext,
  components: Partial<RegistryComponents> & {
    readonly content?: FakeContent
    readonly metadata?: FakeMetadata
    /** Whether the origin says that every repository has what the content source holds. @default true */
    readonly vouch?: boolean
  } = {},
  init: Partial<RegistryInit> = {},
): Promise<Shim> {
  const {
    content = new FakeContent(),
    metadata = new FakeMetadata(),
    origin = fakeOrigin(),
    tagHints,
    access = openAccess,
    vouch = true,
    push,
    uploads,
    isAlone,
  } = components
  const events: RegistryEvent[] = []
  const waiting: ((event: RequestEvent) => void)[] = []
  const onEvent = (event: RegistryEvent): void => {
    events.push(event)
    if (event.type === 'request') waiting.shift()?.(event)
  }
  const registry = createRegistry(
    {
      content,
      metadata,
      origin: vouch ? vouching(origin, content) : origin,
      access,
      push,
      uploads,
      tagHints,
      isAlone,
      onEvent,
    },
    { listen: '127.0.0.1:0', drainTimeoutMs: 100, drainQuietMs: 0, ...init },
  )
  await registry.start()
  t.teardown(() => registry.stop())
  const { port } = registry.address
  return {
    registry,
    port,
    content,
    metadata,
    events,
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    get: (path, headers) => send(port, { method: 'GET', path, headers }),
    head: (path, headers) => send(port, { method: 'HEAD', path, headers }),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** One request on a connection of its own, its target sent exactly as given. */
export async function send(
  port: number,
  options: { method: string; path: string; headers?: Record<string, string> | undefined },
): Promise<Answer> {
  const { method, path, headers = {} } = options
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  outgoing.end()
  const [response] = await once(outgoing, 'response')
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }
}

/** The first error of an OCI error body. */
export function errorOf({ body }: { readonly body: Uint8Array }): {
  code: string
  message: string
  detail: { reason: string }
} {
  return JSON.parse(Buffer.from(body).toString()).errors[0]
}

/** A raw connection that remembers all it received, and how the other side ended. */
export interface RawConnection {
  readonly socket: Socket
  received(): Buffer
  /** `end` for a FIN; the error's code for a reset. */
  readonly ended: Promise<string>
}

export async function connectRaw(t: ExecutionContext, port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  const pieces: Buffer[] = []
  socket.on('data', (piece) => pieces.push(piece))
  const ended = new Promise<string>((resolve) => {
    socket.once('end', () => resolve('end'))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  await once(socket, 'connect')
  return { socket, received: () => Buffer.concat(pieces), ended }
}

/** Splits what a raw connection received into its head and its body. */
export function splitRaw(received: Buffer): { readonly head: string; readonly body: Buffer } {
  const end = received.indexOf('\r\n\r\n')
  return { head: received.subarray(0, end).toString(), body: received.subarray(end + 4) }
}
