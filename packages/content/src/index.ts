/**
 * The words that Shoal's packages share: digests and CIDs, image references and manifests, how a blob is cut
 * into chunks and which chunks someone has; and the interfaces through which the other packages meet. Nothing
 * here does I/O.
 *
 * - A registry's **digest** and the DHT's **CID** are two spellings of one hash: {@link digestToCid}.
 * - {@link ChunkLayout} cuts a blob by its size alone, so nodes agree on chunks without exchanging a list.
 * - {@link ChunkSet} is a bitfield with a compact wire form.
 * - {@link BlobStore}, {@link MetadataStore} (kept by `cache`), {@link Origin} (`upstream`),
 *   {@link ContentSource} and {@link TagHints} (`swarm`) are what `registry` and `agent` see of each other.
 *
 * @example
 * ```ts
 * const { registry, name } = parseImageReference('nginx:1.29') // docker.io, library/nginx
 * const digest = parseDigest(layer.digest)
 * const cid = digestToCid(digest)                              // bafkrei…
 * const layout = new ChunkLayout(layer.size)                   // e.g. 97 chunks of 256 KiB
 * const held = new ChunkSet(layout.count)
 * held.add(layout.indexAt(1_000_000))
 * ```
 *
 * @packageDocumentation
 */
export type {
  AbortOptions,
  BlobStore,
  ChunkSource,
  CompleteOptions,
  PartialBlob,
  StoredBlob,
  StreamOptions,
} from './blob-store.ts'
export type { ByteRange } from './byte-range.ts'
export { canaryName, isCanaryName } from './canary.ts'
export { ChunkLayout } from './chunk-layout.ts'
export { type ChunkRun, ChunkSet, type ReadonlyChunkSet } from './chunk-set.ts'
export { cidToDigest, digestToCid, parseCid } from './cid.ts'
export type { ContentSource, OpenContent, TagHints } from './content-source.ts'
export type { Descriptor } from './descriptor.ts'
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestFromHash,
  digestHex,
  isDigest,
  parseDigest,
} from './digest.ts'
export {
  ContentUnavailableError,
  DigestMismatchError,
  InvalidInputError,
  OriginError,
  type OriginFault,
  ShoalError,
  StoreError,
  type StoreFault,
} from './errors.ts'
export { freeMemory } from './free-memory.ts'
export {
  formatImageReference,
  type ImageReference,
  parseImageReference,
  parseRegistryHost,
  parseRepositoryName,
  parseTag,
  type Repository,
} from './image-reference.ts'
export {
  acceptAnyManifest,
  type Manifest,
  maxManifestBytes,
  mediaTypes,
  type PlatformDescriptor,
  parseManifest,
} from './manifest.ts'
export type { MetadataStore, TagRecord } from './metadata-store.ts'
export type {
  ContentAddress,
  ContentKind,
  FetchOptions,
  Origin,
  OriginContent,
  OriginListing,
} from './origin.ts'
export type { AccessAnswer, AccessProbe, Credentials, OriginAccess } from './origin-access.ts'
export type { OriginPush, PushAnswer, PushRequest } from './origin-push.ts'
export { ociArchitecture, ofPlatform } from './platform.ts'
export type { ByteSource, TransferEvent, TransferListener } from './transfer-events.ts'
export type { Upload, UploadStore } from './upload-store.ts'
