import {
  type AbortOptions,
  type ByteRange,
  ChunkLayout,
  ChunkSet,
  type Descriptor,
  type ReadonlyChunkSet,
  type StoredBlob,
  StoreError,
} from '@shoal/content'
import { assertRange, type BlobFile } from './blob-file.ts'
import { type BlobProof, chunkHashBytes } from './cache-index.ts'
import { streamBlocks } from './stream-blocks.ts'

export interface FileBlobInit {
  readonly descriptor: Descriptor
  readonly file: BlobFile
  readonly proof: BlobProof
  /** The file is not, or no longer, what was stored. */
  readonly onDamaged: (reason: string) => void
  readonly onClosed: () => void
}

/** A complete blob, read through an open file, so that it outlives its name. What is read is checked. */
export class FileBlob implements StoredBlob {
  readonly descriptor: Descriptor
  readonly layout: ChunkLayout
  readonly held: ReadonlyChunkSet
  readonly #init: FileBlobInit
  #closed: Promise<void> | undefined

  constructor(init: FileBlobInit) {
    this.#init = init
    this.descriptor = init.descriptor
    this.layout = new ChunkLayout(init.descriptor.size)
    this.held = ChunkSet.full(this.layout.count)
  }

  hashOf(index: number): Uint8Array | undefined {
    if (!this.held.has(index)) return undefined
    return this.#init.proof.hashes.slice(index * chunkHashBytes, (index + 1) * chunkHashBytes)
  }

  async readAt(range: ByteRange, options?: AbortOptions): Promise<Uint8Array> {
    options?.signal?.throwIfAborted()
    assertRange(range, this.layout)
    if (range.start === range.end) {
      this.#init.file.assertOpen()
      return new Uint8Array()
    }
    const { start, end } = this.#init.proof.sums.cover(range)
    const bytes = await this.#readChecked({ start, end })
    return bytes.subarray(range.start - start, range.end - start)
  }

  async *stream(range?: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const wanted = range ?? { start: 0, end: this.layout.size }
    assertRange(wanted, this.layout)
    for await (const piece of streamBlocks(wanted, (range) => this.readAt(range, options))) {
      options?.signal?.throwIfAborted()
      yield piece
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** `range` consists of whole blocks. */
  async #readChecked(range: ByteRange): Promise<Uint8Array> {
    const { file, proof } = this.#init
    let bytes: Uint8Array
    try {
      bytes = await file.read(range)
    } catch (cause) {
      if (!(cause instanceof StoreError) || cause.fault !== 'unreadable') throw cause
      throw this.#damaged(cause.message, cause)
    }
    const wrong = proof.sums.firstWrong(range.start, bytes)
    if (wrong !== undefined) throw this.#damaged(`its bytes from ${wrong} on are not those that were stored`)
    return bytes
  }

  #damaged(reason: string, cause?: StoreError): StoreError {
    this.#init.onDamaged(reason)
    return new StoreError('damaged', `blob ${this.descriptor.digest} is damaged: ${reason}`, { cause })
  }

  async #close(): Promise<void> {
    try {
      await this.#init.file.close()
    } finally {
      this.#init.onClosed()
    }
  }
}
