import { createHash } from 'node:crypto'
import {
  type AbortOptions,
  type ByteRange,
  type ChunkSource,
  type ContentAddress,
  ContentUnavailableError,
  type Descriptor,
  DigestMismatchError,
  digestAlgorithm,
  digestFromHash,
  type OpenContent,
  type Origin,
  StoreError,
  type TransferListener,
} from '@shoal/content'

export interface PassThroughInit {
  readonly descriptor: Descriptor
  readonly address: ContentAddress
  readonly origin: Origin
  readonly onEvent: TransferListener
}

/** Where a read that began elsewhere goes on. */
export interface Resumption {
  /** The first byte that the reader does not have. */
  readonly position: number
  /** Has everything before it, for the digest of the whole. */
  readonly before: ChunkSource
}

/** Whether the store's trouble is one that a pull gets over by doing without it. */
export function isPassedThrough(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false
  return error.fault !== 'closed'
}

/**
 * Content from the origin that nothing is kept of, because the store can't: its disk is full or read-only, the blob is
 * larger than the quota, or a push or an import is about to complete it. A read of the whole still ends only when its digest is right.
 */
export class PassThroughContent implements OpenContent {
  readonly descriptor: Descriptor
  readonly #init: PassThroughInit

  constructor(init: PassThroughInit) {
    this.descriptor = init.descriptor
    this.#init = init
  }

  async *read(range?: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const wanted = range ?? { start: 0, end: this.descriptor.size }
    yield* this.readOn(wanted, undefined, options)
  }

  /** Reads the rest of a range of which the reader has the beginning. */
  async *readOn(range: ByteRange, resumed?: Resumption, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const { digest, size } = this.descriptor
    const isWhole = range.start === 0 && range.end === size
    const algorithm = digestAlgorithm(digest)
    const hash = isWhole ? createHash(algorithm) : undefined
    const start = resumed?.position ?? range.start
    const startedAt = performance.now()
    if (resumed !== undefined && hash !== undefined) {
      for await (const bytes of readBefore(resumed, options)) hash.update(bytes)
    }
    let held: Uint8Array | undefined
    for await (const bytes of this.#fetch({ start, end: range.end }, options)) {
      hash?.update(bytes)
      if (held !== undefined) yield held
      held = bytes
    }
    if (hash !== undefined) {
      const actual = digestFromHash(algorithm, hash.digest())
      if (actual !== digest) throw new DigestMismatchError(digest, actual)
    }
    if (held !== undefined) yield held
    const seconds = (performance.now() - startedAt) / 1000
    if (isWhole) this.#init.onEvent({ type: 'completed', digest, size, seconds })
  }

  async close(): Promise<void> {
    // Each read ends its own request.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Nothing is borrowed, whatever the client's reader says: the last piece is held back. */
  async *#fetch({ start, end }: ByteRange, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
    if (start === end) return
    const { origin, address, onEvent } = this.#init
    const content = await origin.fetch(address, { signal, range: { start, end } })
    if (content.size !== this.descriptor.size || content.range.start > start || content.range.end < end) {
      throw new ContentUnavailableError(
        address.digest,
        'the origin sent another part of it than was asked for',
      )
    }
    let position = content.range.start
    for await (const bytes of content.body) {
      const from = Math.max(0, start - position)
      const to = Math.min(bytes.length, end - position)
      position += bytes.length
      onEvent({ type: 'received', digest: address.digest, source: 'upstream', bytes: bytes.length })
      if (from < to) yield bytes.subarray(from, to)
      if (position >= end) return
    }
  }
}

async function* readBefore({ position, before }: Resumption, options?: AbortOptions) {
  const pieceBytes = before.layout.chunkLength
  for (let start = 0; start < position; start += pieceBytes) {
    yield await before.readAt({ start, end: Math.min(position, start + pieceBytes) }, options)
  }
}
