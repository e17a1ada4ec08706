import { Readable } from 'node:stream'
import type { CachedImage, Freed, VerifiedBlob } from '@shoal/cache'
import {
  type AbortOptions,
  type Descriptor,
  type Digest,
  InvalidInputError,
  ShoalError,
  StoreError,
  type StoreFault,
} from '@shoal/content'
import { Client, type Dispatcher } from 'undici'
import type { ZodType } from 'zod'
import type {
  BlobInFile,
  CacheControl,
  CacheListing,
  ImageContents,
  ImportedBlob,
  NameOptions,
} from './cache-control.ts'
import { findControlSocket, type SocketPath } from './control-socket.ts'
import { wire } from './control-wire.ts'

interface Ask extends AbortOptions {
  readonly query?: Record<string, string | number>
  readonly body?: AsyncIterable<Uint8Array>
}

/** The cache of an agent that runs, through its control socket. */
export class RemoteControl implements CacheControl {
  readonly #client: Client
  readonly #socket: SocketPath

  private constructor(socket: SocketPath) {
    this.#socket = socket
    // Verifying and storing large blobs take their time before they answer.
    this.#client = new Client('http://control', {
      socketPath: socket.path,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** @throws the system's ENOENT when no agent has used the data directory */
  static async open(dataDir: string): Promise<RemoteControl> {
    return new RemoteControl(await findControlSocket(dataDir))
  }

  async list(options?: AbortOptions): Promise<CacheListing> {
    const { images, usedBytes } = await this.#ask('GET', '/images', wire.listing, options)
    return { images: images as CachedImage[], usedBytes }
  }

  pin(image: string, options?: AbortOptions): Promise<{ name: string; isHere: boolean }> {
    return this.#ask('PUT', '/pins', wire.pinned, { query: { image }, ...options })
  }

  async unpin(image: string, options?: AbortOptions): Promise<void> {
    await this.#ask('DELETE', '/pins', wire.nothing, { query: { image }, ...options })
  }

  remove(image: string, options?: AbortOptions): Promise<Freed> {
    return this.#ask('DELETE', '/images', wire.freed, { query: { image }, ...options })
  }

  collect(options?: AbortOptions): Promise<Freed> {
    return this.#ask('POST', '/gc', wire.freed, options)
  }

  async *verify(image: string | undefined, options?: AbortOptions): AsyncGenerator<VerifiedBlob> {
    const query: Ask['query'] = image === undefined ? {} : { image }
    const body = await this.#send('POST', '/verify', { query, ...options })
    let rest = ''
    const decoder = new TextDecoder()
    for await (const bytes of body as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield wire.verified.parse(JSON.parse(line)) as VerifiedBlob
    }
  }

  async contents(image: string, options?: AbortOptions): Promise<ImageContents> {
    const contents = await this.#ask('GET', '/contents', wire.contents, { query: { image }, ...options })
    return { ...contents, name: contents.name }
  }

  async *read(digest: Digest, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    yield* (await this.#send('GET', '/blobs', { query: { digest }, ...options })) as AsyncIterable<Uint8Array>
  }

  has(digest: Digest, options?: AbortOptions): Promise<boolean> {
    return this.#ask('GET', '/held', wire.held, { query: { digest }, ...options })
  }

  async share({ descriptor, file, mayLink }: BlobInFile, options?: AbortOptions): Promise<boolean> {
    const query = { file, link: String(mayLink), ...queryOf(descriptor) }
    try {
      return await this.#ask('PUT', '/blobs/shared', wire.shared, { query, ...options })
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'NOT_FOUND') return false // an older agent
      throw error
    }
  }

  async store({ descriptor, read }: ImportedBlob, options?: AbortOptions): Promise<void> {
    const query = { ...queryOf(descriptor) }
    await this.#ask('PUT', '/blobs', wire.nothing, { query, body: read(), ...options })
  }

  async name(image: string, root: Descriptor, { isPublic, signal }: NameOptions): Promise<void> {
    const query = { image, public: String(isPublic), ...queryOf(root) }
    await this.#ask('PUT', '/names', wire.nothing, { query, signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy()
    await this.#socket.close()
  }

  async #ask<T>(method: Dispatcher.HttpMethod, path: string, schema: ZodType<T>, ask: Ask = {}): Promise<T> {
    const body = await this.#send(method, path, ask)
    return schema.parse(await body.json())
  }

  async #send(method: Dispatcher.HttpMethod, path: string, { query = {}, body, signal }: Ask) {
    const response: Dispatcher.ResponseData = await this.#client.request({
      method,
      path,
      query,
      body: body === undefined ? null : Readable.from(body, { objectMode: false }),
      signal: signal ?? null,
    })
    if (response.statusCode === 200) return response.body
    throw refusalIn(await response.body.json())
  }
}

function queryOf({ digest, size, mediaType }: Descriptor): Record<string, string | number> {
  return { digest, size, mediaType }
}

/** The error as the agent raised it. */
function refusalIn(body: unknown): ShoalError {
  const { code, message, fault } = wire.refusal.parse(body)
  if (fault !== undefined) return new StoreError(fault as StoreFault, message)
  return code === 'INTERNAL' ? new ShoalError(code, message) : new InvalidInputError(code, message)
}
