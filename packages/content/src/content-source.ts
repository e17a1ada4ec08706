import type { AbortOptions, StreamOptions } from './blob-store.ts'
import type { ByteRange } from './byte-range.ts'
import type { Descriptor } from './descriptor.ts'
import type { Repository } from './image-reference.ts'
import type { TagRecord } from './metadata-store.ts'
import type { ContentAddress } from './origin.ts'

/** Content that is here, or is arriving. */
export interface OpenContent extends AsyncDisposable {
  readonly descriptor: Descriptor
  /**
   * Streams the range in order, as its bytes arrive. The last bytes of the content come only after the
   * digest of the whole has verified. Can be called more than once.
   *
   * @throws ContentUnavailableError, DigestMismatchError when the rest can't be had
   */
  read(range?: ByteRange, options?: StreamOptions): AsyncIterable<Uint8Array>
  /** Lets go of it. A download that it started goes on. */
  close(): Promise<void>
}

/** Where the shim takes content from: this node's cache, then the swarm and the origin together. */
export interface ContentSource {
  /** @throws ContentUnavailableError when neither cache, peers nor the origin have it */
  open(address: ContentAddress, options?: AbortOptions): Promise<OpenContent>
}

/**
 * What other nodes last knew of a tag, or of a manifest by its digest, in a public repository: asked only when the origin
 * can't be.
 */
export interface TagHints {
  /** The most recent record that a peer gave, or undefined. */
  find(repository: Repository, tag: string, options?: AbortOptions): Promise<TagRecord | undefined>
  /** Tells the swarm that this node can answer for the tag. */
  announce(repository: Repository, tag: string): void
}
