import type { ByteRange } from './byte-range.ts'
import type { ChunkLayout } from './chunk-layout.ts'
import type { ReadonlyChunkSet } from './chunk-set.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'

export interface AbortOptions {
  readonly signal?: AbortSignal | undefined
}

/** How a stream of bytes is read. */
export interface StreamOptions extends AbortOptions {
  /**
   * A piece is the reader's only until it asks for the next one: its memory may then be filled anew, which saves most of
   * what reading costs. For readers that are done with each piece by then.
   *
   * @default false
   */
  readonly borrow?: boolean | undefined
}

/** A blob of which some or all chunks can be read: what the exchange serves to peers from. */
export interface ChunkSource {
  readonly descriptor: Descriptor
  readonly layout: ChunkLayout
  /** The chunks that can be read now. A live view: it grows, and shrinks when chunks prove wrong. */
  readonly held: ReadonlyChunkSet
  /** SHA-256 of a held chunk, as it was when it was written. */
  hashOf(index: number): Uint8Array | undefined
  /**
   * Bytes of the blob inside held chunks, into a buffer of their own.
   *
   * @throws StoreError `not-held`, or `unreadable` when the disk gives fewer bytes
   */
  readAt(range: ByteRange, options?: AbortOptions): Promise<Uint8Array>
}

/** A complete blob whose digest verified. Stays readable until closed, even when evicted meanwhile. */
export interface StoredBlob extends ChunkSource, AsyncDisposable {
  /** Streams the range (the whole blob without one) in order, in pieces of at most 1 MiB. */
  stream(range?: ByteRange, options?: StreamOptions): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export interface CompleteOptions extends AbortOptions {
  /** Called when the digest has proved right, which is before the blob is safe on the disk. */
  readonly onVerified?: (() => void) | undefined
}

/** A blob that is being filled. It has one owner, who closes it; its chunks survive a restart. */
export interface PartialBlob extends ChunkSource, AsyncDisposable {
  /**
   * Writes one chunk, then marks it held. `hash` is the SHA-256 of `bytes`, which the caller has checked.
   * Writing a chunk that is held is a no-op, so that a late duplicate can't replace verified bytes.
   */
  write(index: number, bytes: Uint8Array, hash: Uint8Array): Promise<void>
  /** Unmarks chunks that proved wrong. */
  drop(indexes: Iterable<number>): Promise<void>
  /**
   * Verifies the digest of the whole and makes the blob complete; from then on {@link BlobStore.open} finds it.
   *
   * @throws DigestMismatchError and leaves the chunks as they are
   */
  complete(options?: CompleteOptions): Promise<void>
  /** Lets go of the file. What was written stays for the next {@link BlobStore.openPartial}. */
  close(): Promise<void>
}

/** Content-addressed storage of blobs, complete and partial. */
export interface BlobStore {
  /** A complete, verified blob, or undefined. The caller closes it. */
  open(digest: Digest, options?: AbortOptions): Promise<StoredBlob | undefined>
  has(digest: Digest): Promise<boolean>
  /**
   * Opens a blob for filling: new, or with the chunks that an earlier owner left.
   *
   * @throws StoreError `partial-in-use` while another owner has it open, `disk-full`
   */
  openPartial(descriptor: Descriptor, options?: AbortOptions): Promise<PartialBlob>
  /** Every complete blob, the most recently used first. */
  list(options?: AbortOptions): AsyncIterable<Descriptor>
  delete(digest: Digest): Promise<void>
  /**
   * Calls back when a complete blob is there that did not come by {@link openPartial}: imported, or found on this node.
   * Returns a function that ends the subscription.
   */
  onAdded(listener: (digest: Digest) => void): () => void
  /**
   * Calls back when a complete blob is no longer there: evicted, deleted, or found damaged. Returns a function that ends
   * the subscription.
   */
  onRemoved(listener: (digest: Digest) => void): () => void
}
