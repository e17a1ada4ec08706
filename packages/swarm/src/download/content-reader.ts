import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import {
  type AbortOptions,
  type ByteRange,
  type Descriptor,
  DigestMismatchError,
  digestFromHash,
  freeMemory,
  InvalidInputError,
  type OpenContent,
  type StoredBlob,
  StoreError,
  type StreamOptions,
  type TransferListener,
} from '@shoal/content'
import type { ServedBlob } from '../exchange/served-blob.ts'
import type { Download, DownloadReader } from './download.ts'
import { isPassedThrough, type PassThroughContent } from './pass-through.ts'

/** Bytes handed to a client at a time. */
const pieceBytes = 256 * 1024
/** A part that came from a peer gets its last chunk when the whole has proved right, or after so long. */
const partPatienceMs = 5_000

export interface StoredContentInit {
  readonly onEvent: TransferListener
  /** Opens it anew when its file proves damaged: the store has taken that out of use. */
  readonly reopen: (error: StoreError) => Promise<OpenContent>
}

/** A blob that is complete in the cache. */
export function storedContent(blob: StoredBlob, { onEvent, reopen }: StoredContentInit): OpenContent {
  const close = () => blob.close()
  const { digest, size } = blob.descriptor
  return {
    descriptor: blob.descriptor,
    async *read(range = { start: 0, end: size }, options) {
      let position = range.start
      try {
        for await (const piece of blob.stream(range, options)) {
          onEvent({ type: 'received', digest, source: 'cache', bytes: piece.length })
          yield piece
          position += piece.length
        }
      } catch (error) {
        if (!(error instanceof StoreError) || error.fault !== 'damaged') throw error
        await using again = await reopen(error)
        yield* again.read({ start: position, end: range.end }, options)
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A blob that is arriving: its readers follow the chunks in order. */
export class ArrivingContent implements OpenContent {
  readonly descriptor: Descriptor
  readonly #download: Download
  readonly #blob: ServedBlob
  readonly #passThrough: PassThroughContent

  /** @param passThrough - takes over when this node can't store the rest */
  constructor(download: Download, blob: ServedBlob, passThrough: PassThroughContent) {
    this.descriptor = download.descriptor
    this.#download = download
    this.#blob = blob
    this.#passThrough = passThrough
  }

  async *read(range?: ByteRange, options?: StreamOptions): AsyncIterable<Uint8Array> {
    const { layout } = this.#blob.source
    const { start, end } = range ?? { start: 0, end: layout.size }
    if (start < 0 || end > layout.size || start > end) {
      throw new InvalidInputError('RANGE_INVALID', `bytes ${start} to ${end} of ${layout.size}`)
    }
    const given = new Map<number, Uint8Array>()
    let position = start
    try {
      for await (const piece of this.#follow({ start, end }, given, options)) {
        yield piece
        position += piece.length
      }
    } catch (error) {
      if (!isPassedThrough(error)) throw error
      this.#assertStillTrue(given)
      yield* this.#passThrough.readOn({ start, end }, { position, before: this.#blob.source }, options)
    }
  }

  async close(): Promise<void> {
    await this.#blob.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @param given - takes the hash of each chunk of which the client gets bytes */
  async *#follow(
    { start, end }: ByteRange,
    given: Map<number, Uint8Array>,
    options?: StreamOptions,
  ): AsyncGenerator<Uint8Array> {
    const { layout } = this.#blob.source
    if (layout.size === 0) await this.#verified(options)
    using reader = this.#download.newReader()
    const isWhole = start === 0 || layout.count === 1
    let position = start
    for await (const bytes of this.#comingIn({ start, end }, { given, reader }, options)) {
      yield bytes
      position += bytes.length
    }
    while (position < end) {
      const index = layout.indexAt(position)
      await this.#arrived(index, reader, options)
      const isLast = index === layout.count - 1
      if (isLast) await (isWhole ? this.#verified(options) : this.#plausible(index, options))
      if (isLast) this.#assertStillTrue(given)
      const hash = this.#blob.source.hashOf(index)
      if (hash === undefined) continue // a repair took it back just now
      given.set(index, hash)
      const piece = { start: position, end: Math.min(end, layout.rangeOf(index).end, position + pieceBytes) }
      const bytes = await this.#readUnlessTakenBack(piece, options)
      if (bytes === undefined) continue
      yield bytes
      if (options?.borrow === true) freeMemory(bytes)
      position = piece.end
    }
  }

  /**
   * What upstream is sending of the chunk that a client waits for first: the whole chunk would take it longer than
   * upstream itself, by many times where the line is thin. Never of the last chunk, which waits for the digest.
   */
  async *#comingIn(
    { start, end }: ByteRange,
    { given, reader }: { given: Map<number, Uint8Array>; reader: DownloadReader },
    options?: AbortOptions,
  ): AsyncGenerator<Uint8Array> {
    const { layout } = this.#blob.source
    const index = layout.indexAt(start)
    const chunk = layout.rangeOf(index)
    const until = Math.min(end, chunk.end)
    if (index === layout.count - 1 || this.#blob.source.held.has(index)) return
    const hash = createHash('sha256')
    let position = start
    reader.waitsFor(index)
    while (position < until && !this.#blob.source.held.has(index)) {
      const here = this.#download.incoming
        .bytesOf(index)
        ?.subarray(position - chunk.start, until - chunk.start)
      if (here === undefined || here.length === 0) {
        await this.#moved(index, { isComing: true }, options)
        continue
      }
      const bytes = Buffer.from(here)
      hash.update(bytes)
      yield bytes
      position += bytes.length
    }
    if (position === start || position === end) return
    const before = { index, start, end: position, hash: hash.digest() }
    await this.#assertSame(before, { given, reader }, options)
  }

  /** What a client was given of a chunk before that was whole must be what the chunk proved to be. */
  async #assertSame(
    { index, start, end, hash }: ByteRange & { readonly index: number; readonly hash: Buffer },
    { given, reader }: { given: Map<number, Uint8Array>; reader: DownloadReader },
    options?: AbortOptions,
  ): Promise<void> {
    for (;;) {
      await this.#arrived(index, reader, options)
      const whole = this.#blob.source.hashOf(index)
      const bytes = whole && (await this.#readUnlessTakenBack({ start, end }, options))
      if (bytes === undefined || whole === undefined) continue
      if (!createHash('sha256').update(bytes).digest().equals(hash)) throw this.#changed(index)
      given.set(index, whole)
      return
    }
  }

  /** Undefined when a repair took the chunk back just now: it will arrive again, or the download fails. */
  async #readUnlessTakenBack(range: ByteRange, options?: AbortOptions): Promise<Uint8Array | undefined> {
    try {
      return await this.#blob.source.readAt(range, options)
    } catch (error) {
      if (error instanceof StoreError && error.fault === 'not-held') return undefined
      throw error
    }
  }

  async #arrived(index: number, reader: DownloadReader, options?: AbortOptions): Promise<void> {
    if (this.#blob.source.held.has(index)) return
    reader.waitsFor(index)
    await this.#moved(index, { isComing: false }, options)
  }

  /** The chunk has landed; or, where `isComing` counts, upstream has sent more of some chunk. */
  async #moved(
    index: number,
    { isComing }: { readonly isComing: boolean },
    options?: AbortOptions,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stopListening = this.#blob.onLanded((at) => {
      if (at === index) resolve()
    })
    const stopWatching = isComing ? this.#download.incoming.onMore(resolve) : undefined
    try {
      await unlessAborted(Promise.race([promise, this.#download.done]), options)
    } finally {
      stopListening()
      stopWatching?.()
    }
  }

  /** A repair may have replaced chunks that the client already has: then it must not come to the end. */
  #assertStillTrue(given: ReadonlyMap<number, Uint8Array>): void {
    const { source } = this.#blob
    for (const [index, before] of given) {
      const now = source.hashOf(index)
      if (now === undefined || Buffer.compare(before, now) !== 0) {
        throw this.#changed(index)
      }
    }
  }

  #changed(index: number): DigestMismatchError {
    return new DigestMismatchError(
      this.descriptor.digest,
      `other bytes in chunk ${index}, which a client was given`,
    )
  }

  /** The last chunk of a whole waits for its digest: a pull of wrong bytes never comes to its end. */
  async #verified(options?: AbortOptions): Promise<void> {
    const { layout } = this.#blob.source
    const only = layout.count === 1 ? this.#blob.source.hashOf(0) : undefined
    // A manifest need not wait until it is safe on the disk.
    if (only !== undefined && digestFromHash('sha256', only) === this.descriptor.digest) return
    await unlessAborted(this.#download.verified, options)
  }

  /**
   * The end of a part can't wait for chunks that nobody reads yet, and withholding it would not keep the wrong bytes of
   * another part from the client. What upstream itself sent is as good as what the client would get from it.
   */
  async #plausible(index: number, options?: AbortOptions): Promise<void> {
    if (this.#download.isFromUpstream(index)) return
    const over = new AbortController()
    const patience = setTimeout(partPatienceMs, undefined, { signal: over.signal })
    try {
      await unlessAborted(Promise.race([this.#download.verified, patience]), options)
    } finally {
      over.abort()
    }
  }
}

async function unlessAborted(work: Promise<void>, { signal }: AbortOptions = {}): Promise<void> {
  if (signal === undefined) return await work
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
