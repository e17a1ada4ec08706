import { createReadStream } from 'node:fs'
import {
  type AbortOptions,
  type ByteRange,
  type ContentAddress,
  type Descriptor,
  type Origin,
  type OriginContent,
  OriginError,
  type OriginListing,
} from '@shoal/content'

/** An origin of one file on disk: what an origin has to do for Shoal, and nothing else. */
export class FileOrigin implements Origin {
  readonly #file: string
  readonly #descriptor: Descriptor
  bytesSent = 0

  constructor(file: string, descriptor: Descriptor) {
    this.#file = file
    this.#descriptor = descriptor
  }

  async describe({ digest }: ContentAddress): Promise<Descriptor> {
    if (digest !== this.#descriptor.digest) throw new OriginError('not-found', `there is no ${digest} here`)
    return this.#descriptor
  }

  async fetch(
    address: ContentAddress,
    options: AbortOptions & { range?: ByteRange } = {},
  ): Promise<OriginContent> {
    const { size, mediaType } = await this.describe(address)
    const range = options.range ?? { start: 0, end: size }
    return { size, mediaType, range, body: this.#read(range, options) }
  }

  async resolve(): Promise<Descriptor> {
    throw new OriginError('not-found', 'files have no tags')
  }

  async listTags(): Promise<OriginListing> {
    throw new OriginError('not-found', 'files have no tags')
  }

  async listReferrers(): Promise<OriginListing> {
    throw new OriginError('not-found', 'files have no referrers')
  }

  async *#read({ start, end }: ByteRange, { signal }: AbortOptions): AsyncGenerator<Uint8Array> {
    const stream = createReadStream(this.#file, { start, end: end - 1, ...(signal && { signal }) })
    for await (const bytes of stream) {
      this.bytesSent += bytes.length
      yield bytes
    }
  }
}
