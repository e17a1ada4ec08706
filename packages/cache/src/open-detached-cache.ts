import { type AbortOptions, type BlobStore, type PartialBlob, StoreError } from '@shoal/content'
import { CacheIndex } from './cache-index.ts'
import { ImageCatalog } from './image-catalog.ts'
import { LevelMetadataStore } from './metadata-store.ts'
import type { Cache } from './open-cache.ts'
import { Residents } from './residents.ts'

/**
 * A cache that keeps no blob, for a node whose data directory can't be written: pulls are passed through. Tags and
 * sizes are kept in memory.
 *
 * @param why - for the error of whoever wants to store something
 */
export async function openDetachedCache(why: StoreError): Promise<Cache> {
  const index = await CacheIndex.inMemory()
  const remove = async () => ({ blobs: 0, bytes: 0 })
  return {
    blobs: new NoBlobStore(why),
    metadata: new LevelMetadataStore(index, Date.now),
    images: new ImageCatalog({
      index,
      residents: new Residents(),
      find: () => undefined,
      now: Date.now,
      remove,
    }),
    uploads: {
      async begin() {
        throw why
      },
    },
    recovery: { adopted: [], removed: [], indexRebuilt: false },
    usedBytes: () => 0,
    async import() {
      throw why
    },
    async importFile() {
      throw why
    },
    async *verify() {
      // There is nothing to verify.
    },
    stop: () => index.close(),
  }
}

class NoBlobStore implements BlobStore {
  readonly #why: StoreError

  constructor(why: StoreError) {
    this.#why = why
  }

  async open(): Promise<undefined> {
    return undefined
  }

  async has(): Promise<boolean> {
    return false
  }

  async openPartial(): Promise<PartialBlob> {
    throw new StoreError(this.#why.fault, this.#why.message, { cause: this.#why })
  }

  async *list(_options?: AbortOptions): AsyncGenerator<never> {
    // There are none.
  }

  async delete(): Promise<void> {
    // Nothing to delete.
  }

  onAdded(): () => void {
    return () => undefined
  }

  onRemoved(): () => void {
    return () => undefined
  }
}
