import {
  type AbortOptions,
  type ByteRange,
  ChunkLayout,
  ChunkSet,
  type Descriptor,
  type ReadonlyChunkSet,
  type StoredBlob,
} from '@shoal/content'
import { assertRange, type BlobFile } from './blob-file.ts'
import { chunkHashBytes } from './cache-index.ts'

/** As {@link StoredBlob.stream} promises. */
const pieceBytes = 256 * 1024

export interface FileBlobInit {
  readonly descriptor: Descriptor
  readonly file: BlobFile
  /** SHA-256 of each chunk, one after the other. */
  readonly hashes: Uint8Array
  readonly onClosed: () => void
}

/** A complete blob, read through an open file, so that it outlives its name. */
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
    return this.#init.hashes.slice(index * chunkHashBytes, (index + 1) * chunkHashBytes)
  }

  async readAt(range: ByteRange, options?: AbortOptions): Promise<Uint8Array> {
    options?.signal?.throwIfAborted()
    assertRange(range, this.layout)
    return this.#init.file.read(range)
  }

  async *stream(range?: ByteRange, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const { start, end } = range ?? { start: 0, end: this.layout.size }
    assertRange({ start, end }, this.layout)
    for (let position = start; position < end; position += pieceBytes) {
      options?.signal?.throwIfAborted()
      yield await this.#init.file.read({ start: position, end: Math.min(position + pieceBytes, end) })
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    try {
      await this.#init.file.close()
    } finally {
      this.#init.onClosed()
    }
  }
}
