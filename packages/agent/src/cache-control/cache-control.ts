import type { CachedImage, Freed, VerifiedBlob } from '@shoal/cache'
import type { AbortOptions, Descriptor, Digest } from '@shoal/content'

/** What an image consists of, as far as it is here. */
export interface ImageContents {
  /** The name by which it was asked for. */
  readonly name: string | undefined
  readonly root: Descriptor
  /** Every blob of it that is here, the root among them. */
  readonly held: readonly Descriptor[]
}

export interface CacheListing {
  readonly images: readonly CachedImage[]
  /** What the cache takes on the disk, in bytes: also of blobs that belong to no image, or are not complete. */
  readonly usedBytes: number
}

/** Content to store. */
export interface ImportedBlob {
  readonly descriptor: Descriptor
  /** The absolute path of a file that has its bytes and no others, where there is one. */
  readonly file?: string | undefined
  /** May be called more than once. */
  read(): AsyncIterable<Uint8Array>
}

/** A blob that lies in a file. */
export interface BlobInFile {
  readonly descriptor: Descriptor
  /** An absolute path. */
  readonly file: string
  /** Whether the cache may have the very file, which its owner can still write, where there are no clones. */
  readonly mayLink: boolean
}

export interface NameOptions extends AbortOptions {
  /** Everybody who reaches a node of the cluster may have the image, and other nodes are told what the name stands for. */
  readonly isPublic: boolean
}

/**
 * What `shoal cache` does to a cache: that of an agent that runs, or that in a data directory of which none does.
 * Images are given as a person writes them: a reference, or the digest of a manifest.
 */
export interface CacheControl extends AsyncDisposable {
  list(options?: AbortOptions): Promise<CacheListing>
  /** Whether there is such an image already, and how its name is written out. */
  pin(image: string, options?: AbortOptions): Promise<{ readonly name: string; readonly isHere: boolean }>
  unpin(image: string, options?: AbortOptions): Promise<void>
  remove(image: string, options?: AbortOptions): Promise<Freed>
  collect(options?: AbortOptions): Promise<Freed>
  /** All blobs, or those of one image. */
  verify(image: string | undefined, options?: AbortOptions): AsyncIterable<VerifiedBlob>
  contents(image: string, options?: AbortOptions): Promise<ImageContents>
  read(digest: Digest, options?: AbortOptions): AsyncIterable<Uint8Array>
  has(digest: Digest, options?: AbortOptions): Promise<boolean>
  /** Stores a blob without its bytes being written; false when it has to be done by {@link store}. */
  share(blob: BlobInFile, options?: AbortOptions): Promise<boolean>
  store(blob: ImportedBlob, options?: AbortOptions): Promise<void>
  /** Says what an image's name stands for. */
  name(image: string, root: Descriptor, options: NameOptions): Promise<void>
}
