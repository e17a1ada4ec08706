import {
  type AbortOptions,
  type ByteRange,
  ChunkLayout,
  ChunkSet,
  type Descriptor,
  type ReadonlyChunkSet,
  type StoredBlob,
  StoreError,
  type StreamOptions,
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
    return this.#readChecked(range)
  }

  async *stream(
    range: ByteRange = { start: 0, end: this.layout.size },
    { signal, borrow = false }: StreamOptions = {},
  ): AsyncGenerator<Uint8Array> {
    assertRange(range, this.layout)
    const read = async (piece: ByteRange, memory: Uint8Array | undefined) => {
      signal?.throwIfAborted()
      return this.#readChecked(piece, memory)
    }
    for await (const piece of streamBlocks({ range, read, borrow })) {
      signal?.throwIfAborted()
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

  /** Reads the blocks that a range touches, and checks them. `memory` has room for them all. */
  async #readChecked(range: ByteRange, memory?: Uint8Array): Promise<Uint8Array> {
    const { file, proof } = this.#init
    const { start, end } = proof.sums.cover(range)
    const bytes = memory?.subarray(0, end - start) ?? Buffer.allocUnsafeSlow(end - start)
    try {
      await file.readInto(bytes, start)
    } catch (cause) {
      if (!(cause instanceof StoreError) || cause.fault !== 'unreadable') throw cause
      throw this.#damaged(cause.message, cause)
    }
    const wrong = proof.sums.firstWrong(start, bytes)
    if (wrong !== undefined) throw this.#damaged(`its bytes from ${wrong} on are not those that were stored`)
    return bytes.subarray(range.start - start, range.end - start)
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
