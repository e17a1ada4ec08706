import type { Digest, StoreFault } from '@shoal/content'
import type { SpaceReason } from './evict.ts'

/** What the cache does or finds on its own, for the log and the metrics. */
export type CacheEvent =
  /** Something gave way. Bytes that it took on the disk. */
  | {
      readonly type: 'evicted'
      readonly digest: Digest
      readonly bytes: number
      readonly reason: SpaceReason
    }
  /** A blob on the disk is not what was written there. It is fetched anew where that is possible. */
  | { readonly type: 'damaged'; readonly digest: Digest; readonly reason: string }
  /**
   * Blobs can't be stored; pulls go on without. Told once, until `storing-again`; of blobs that are larger
   * than the quota each is told, once.
   */
  | {
      readonly type: 'not-storing'
      /** The blob that was to be stored; undefined when the whole cache can't be opened. */
      readonly digest?: Digest
      readonly fault: StoreFault
      readonly reason: string
    }
  | { readonly type: 'storing-again' }
  /** Something in the background did not work; it is tried again. */
  | { readonly type: 'failed'; readonly operation: string; readonly error: unknown }

export type CacheListener = (event: CacheEvent) => void
