import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import type { Repository } from './image-reference.ts'

/** What a tag, or the digest of a manifest, stood for when the origin was last asked. */
export interface TagRecord {
  readonly descriptor: Descriptor
  /** Milliseconds since the epoch. */
  readonly resolvedAt: number
  /** Whether anybody could read the repository then. Peers are told of no other tags. */
  readonly isPublic: boolean
}

/** What is known of images besides their bytes. What was put can be read at once; its promise tells that it is written. */
export interface MetadataStore {
  getTag(repository: Repository, tag: string): Promise<TagRecord | undefined>
  putTag(repository: Repository, tag: string, record: TagRecord): Promise<void>
  /** Size and media type of a blob, as a verified manifest stated them. */
  getDescriptor(digest: Digest): Promise<Descriptor | undefined>
  putDescriptors(descriptors: readonly Descriptor[]): Promise<void>
  /** Says that a repository has this manifest, so that what was asked for by digest has a name. */
  nameManifest(repository: Repository, digest: Digest): Promise<void>
  /** Whether a registry is known to have the blob: it sent us the bytes, or proved that it has them. */
  isProven(digest: Digest, registry: string): Promise<boolean>
  recordProof(digest: Digest, registry: string): Promise<void>
  /** The registry for whose clients a partial blob was begun: all that was written of it came by way of that one. */
  partialOf(digest: Digest): Promise<string | undefined>
  recordPartial(digest: Digest, registry: string): Promise<void>
}
