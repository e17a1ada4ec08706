/**
 * Shoal's content store: the bytes of blobs in plain files, and a LevelDB index that says what they are.
 *
 * - `blobs/<algorithm>/<hex>` holds complete blobs, as an OCI image layout does. A blob gets there only after
 *   the digest of all of it verified, so whatever is there can be served.
 * - `partial/<algorithm>/<hex>` holds blobs that are being filled, as sparse files of full size. The index has
 *   a row for each chunk that was written, with its SHA-256.
 * - `uploads/` holds what comes without its digest ({@link Cache.uploads}) until that is known. Swept at each start.
 * - `index` is the LevelDB: blobs, chunk hashes, last use, descriptors and tags. Never bytes of blobs.
 *
 * A crash loses at most the chunks that {@link PartialBlob.write} had not confirmed; opening again puts the
 * index and the files right, and says in {@link Cache.recovery} what that took. Marked chunks are read and
 * hashed again when a partial blob is resumed, so a power loss can't pass for content either.
 *
 * One process has a data directory at a time. When the disk is full, writes fail with a StoreError
 * `disk-full` and reading goes on; writing works again once there is space.
 *
 * @example
 * ```ts
 * const cache = await openCache({ dataDir: '/var/lib/shoal' })
 * const partial = await cache.blobs.openPartial(descriptor)
 * const { held, layout } = partial // held: what an earlier run left
 * for (let next = held.firstMissing(); next < layout.count; next = held.firstMissing(next)) {
 *   const bytes = await fetchRange(descriptor, layout.rangeOf(next))
 *   await partial.write(next, bytes, sha256(bytes))
 * }
 * await partial.complete() // verifies the digest
 * await partial.close()
 * const blob = await cache.blobs.open(descriptor.digest)
 * ```
 *
 * @packageDocumentation
 */
export type { LentBlob } from './blob-intake.ts'
export type { CacheEvent, CacheListener } from './cache-events.ts'
export type { CachedImage, Freed, ImageCatalog } from './image-catalog.ts'
export { type Cache, type CacheInit, type CacheRecovery, openCache } from './open-cache.ts'
export { openDetachedCache } from './open-detached-cache.ts'
export type { SpaceAmount } from './space-amount.ts'
export { type BlobToStore, storeBlob } from './store-blob.ts'
export type { VerifiedBlob } from './verify.ts'
