import type { AbortOptions, StreamOptions } from './blob-store.ts'
import type { ByteRange } from './byte-range.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import type { Repository } from './image-reference.ts'

/** Manifests and blobs live under different paths of a registry. */
export type ContentKind = 'manifest' | 'blob'

/** Content by digest, and the repository in which the origin will show it. */
export interface ContentAddress {
  readonly repository: Repository
  readonly kind: ContentKind
  readonly digest: Digest
}

/** How content is asked for. */
export interface FetchOptions extends StreamOptions {
  /** @default all of it */
  readonly range?: ByteRange
}

/** An answer of the origin, its body still on the way. */
export interface OriginContent {
  /** Size of the whole content, even when a part was asked for. */
  readonly size: number
  readonly mediaType: string
  /** What the body covers. The whole when the origin does not do ranges. */
  readonly range: ByteRange
  /** Ends only after every byte of `range`; throws OriginError when the origin cuts it short. Read it once. */
  readonly body: AsyncIterable<Uint8Array>
}

/** A page of a registry's listing, passed through as it came. */
export interface OriginListing {
  readonly mediaType: string
  readonly body: Uint8Array
  /** Query of the next page, from the `Link` header. */
  readonly next?: string
  readonly headers: Readonly<Record<string, string>>
}

/** The registries that images come from. Every method throws OriginError when the origin does not deliver. */
export interface Origin {
  /** What a tag stands for now, by HEAD. */
  resolve(repository: Repository, tag: string, options?: AbortOptions): Promise<Descriptor>
  /** Size and media type of content, by HEAD. */
  describe(address: ContentAddress, options?: AbortOptions): Promise<Descriptor>
  /** The content or a range of it. The body must be read to its end, or its iterator returned. */
  fetch(address: ContentAddress, options?: FetchOptions): Promise<OriginContent>
  /** `tags/list`; `query` is passed through. */
  listTags(repository: Repository, query: string, options?: AbortOptions): Promise<OriginListing>
  /** `referrers/<digest>`; `query` is passed through. */
  listReferrers(
    repository: Repository,
    digest: Digest,
    query: string,
    options?: AbortOptions,
  ): Promise<OriginListing>
}
