import {
  type AbortOptions,
  type ByteRange,
  ChunkLayout,
  ChunkSet,
  type CompleteOptions,
  type Descriptor,
  DigestMismatchError,
  digestAlgorithm,
  InvalidInputError,
  type PartialBlob,
  type ReadonlyChunkSet,
  StoreError,
} from '@shoal/content'
import { assertRange, type BlobFile } from './blob-file.ts'
import { BlockSums } from './block-sums.ts'
import { type BlobProof, type CacheIndex, chunkHashBytes } from './cache-index.ts'
import { Mutex } from './mutex.ts'
import { PrefixHash } from './prefix-hash.ts'
import { type SyncSlot, WriteBehind } from './write-behind.ts'

export interface FilePartialInit {
  readonly descriptor: Descriptor
  /** Open for reading and writing, and of the blob's full size. */
  readonly file: BlobFile
  /** Its row in the index is written. */
  readonly opened: Promise<void>
  readonly index: CacheIndex
  readonly syncSlot: SyncSlot
  /** Puts the file in its final place and says so in the index. The whole is verified and on the disk. */
  readonly publish: (proof: BlobProof) => Promise<void>
  /** A chunk of so many bytes is on its way to the disk. */
  readonly onWritten: (bytes: number) => void
  /** The disk is full: whether there is room for so many bytes now. */
  readonly makeRoom: (bytes: number) => Promise<boolean>
  /** A write or the completion failed for the store's sake. */
  readonly onFailed: (error: StoreError) => void
  /** The file is closed. */
  readonly onClosed: () => void
}

/** A blob being filled: chunks in a sparse file, their marks in the index. */
export class FilePartial implements PartialBlob {
  readonly descriptor: Descriptor
  readonly layout: ChunkLayout
  readonly #init: FilePartialInit
  readonly #held: ChunkSet
  readonly #hashes: Uint8Array
  readonly #sums: BlockSums
  readonly #prefix: PrefixHash
  readonly #writeBehind: WriteBehind
  /** Chunks being written. */
  readonly #writes = new Map<number, Promise<void>>()
  /** Makes complete(), drop() and close() wait for each other. */
  readonly #mutex = new Mutex()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined
  #published = false
  /** Counts calls of drop(), so that a read sees that its bytes were taken back. */
  #drops = 0

  constructor(init: FilePartialInit) {
    const { descriptor, file } = init
    this.#init = init
    this.descriptor = descriptor
    this.layout = new ChunkLayout(descriptor.size)
    this.#held = new ChunkSet(this.layout.count)
    this.#hashes = new Uint8Array(this.layout.count * chunkHashBytes)
    this.#sums = BlockSums.empty(descriptor.size)
    const algorithm = digestAlgorithm(descriptor.digest)
    this.#prefix = new PrefixHash({ algorithm, layout: this.layout, held: this.#held, file })
    this.#writeBehind = new WriteBehind(file, init.syncSlot)
  }

  get held(): ReadonlyChunkSet {
    return this.#held
  }

  /** Takes over a chunk that an earlier owner marked and that was read again: its bytes have this hash. */
  resume(index: number, bytes: Uint8Array, hash: Uint8Array): void {
    this.#hold(index, bytes, hash)
  }

  hashOf(index: number): Uint8Array | undefined {
    if (!this.#held.has(index)) return undefined
    return this.#hashes.slice(index * chunkHashBytes, (index + 1) * chunkHashBytes)
  }

  async readAt(range: ByteRange, options?: AbortOptions): Promise<Uint8Array> {
    assertRange(range, this.layout)
    for (;;) {
      options?.signal?.throwIfAborted()
      this.#assertHeld(range)
      const drops = this.#drops
      const bytes = await this.#init.file.read(range)
      if (drops === this.#drops) return bytes
    }
  }

  async write(index: number, bytes: Uint8Array, hash: Uint8Array): Promise<void> {
    this.#assertChunk(index, bytes, hash)
    for (;;) {
      this.#assertOpen()
      if (this.#held.has(index)) return
      const other = this.#writes.get(index)
      if (other === undefined) break
      await Promise.allSettled([other]) // its caller gets its failure; then it is up to these bytes
    }
    const writing = this.#reporting(() => this.#write(index, bytes, hash))
    this.#writes.set(index, writing)
    try {
      await writing
    } finally {
      this.#writes.delete(index)
    }
  }

  async drop(indexes: Iterable<number>): Promise<void> {
    const wanted = [...new Set(indexes)]
    await this.#mutex.run(async () => {
      this.#assertOpen()
      if (this.#published) throw this.#error('closed', 'is complete: its chunks can not be dropped')
      await Promise.allSettled(wanted.map((index) => this.#writes.get(index)))
      const dropped = wanted.filter((index) => this.#held.delete(index))
      if (dropped.length === 0) return
      this.#drops++
      this.#prefix.dropped(dropped)
      const { index: rows, descriptor } = this.#init
      await rows.commit(dropped.map((index) => rows.unmark(descriptor.digest, index)))
    })
  }

  async complete(options?: CompleteOptions): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#published) return
      this.#assertOpen()
      options?.signal?.throwIfAborted()
      this.#assertHeld({ start: 0, end: this.layout.size })
      const actual = await this.#prefix.finish(anySignal(this.#closing.signal, options?.signal))
      if (actual !== this.descriptor.digest) throw new DigestMismatchError(this.descriptor.digest, actual)
      options?.onVerified?.()
      await this.#reporting(async () => {
        await this.#writeBehind.finish()
        await this.#init.publish({ hashes: this.#hashes, sums: this.#sums })
      })
      this.#published = true
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(this.#error('closed', 'was closed'))
    await this.#mutex.run(async () => {
      await Promise.allSettled(this.#writes.values()) // each has a caller who gets its failure
      await this.#prefix.stop()
      await this.#writeBehind.settled()
      try {
        await this.#init.file.close()
      } finally {
        this.#init.onClosed()
      }
    })
  }

  async #write(index: number, bytes: Uint8Array, hash: Uint8Array): Promise<void> {
    try {
      await this.#store(index, bytes, hash)
    } catch (error) {
      const isFull = error instanceof StoreError && error.fault === 'disk-full'
      if (!isFull || !(await this.#init.makeRoom(bytes.length))) throw error
      await this.#store(index, bytes, hash)
    }
    this.#hold(index, bytes, hash)
  }

  async #reporting(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof StoreError) this.#init.onFailed(error)
      throw error
    }
  }

  async #store(index: number, bytes: Uint8Array, hash: Uint8Array): Promise<void> {
    const { file, opened, index: rows } = this.#init
    await opened
    await file.writeAt(bytes, this.layout.rangeOf(index).start)
    this.#init.onWritten(bytes.length)
    this.#writeBehind.wrote(bytes.length)
    await rows.commit([rows.mark(this.descriptor.digest, index, hash)])
  }

  #hold(index: number, bytes: Uint8Array, hash: Uint8Array): void {
    this.#held.add(index)
    this.#hashes.set(hash, index * chunkHashBytes)
    this.#sums.set(this.layout.rangeOf(index).start, bytes)
    this.#prefix.offer(index, bytes)
  }

  #assertChunk(index: number, bytes: Uint8Array, hash: Uint8Array): void {
    const { digest } = this.descriptor
    if (!Number.isInteger(index) || index < 0 || index >= this.layout.count) {
      throw new InvalidInputError('CHUNK_INVALID', `chunk ${index} of ${digest}: it has ${this.layout.count}`)
    }
    const expected = this.layout.lengthOf(index)
    if (bytes.length !== expected) {
      throw new InvalidInputError(
        'CHUNK_INVALID',
        `chunk ${index} of ${digest}: ${bytes.length} bytes, expected ${expected}`,
      )
    }
    if (hash.length !== chunkHashBytes) {
      throw new InvalidInputError(
        'CHUNK_INVALID',
        `chunk ${index} of ${digest}: a hash of ${hash.length} bytes, expected ${chunkHashBytes}`,
      )
    }
  }

  #assertHeld({ start, end }: ByteRange): void {
    this.#init.file.assertOpen()
    if (start === end) return
    const missing = this.#held.firstMissing(this.layout.indexAt(start))
    if (missing <= this.layout.indexAt(end - 1)) throw this.#error('not-held', `lacks chunk ${missing}`)
  }

  #assertOpen(): void {
    this.#closing.signal.throwIfAborted()
  }

  #error(fault: 'closed' | 'not-held', what: string): StoreError {
    return new StoreError(fault, `partial blob ${this.descriptor.digest} ${what}`)
  }
}

function anySignal(own: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  return given === undefined ? own : AbortSignal.any([own, given])
}
