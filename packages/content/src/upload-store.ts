import type { Descriptor } from './descriptor.ts'

/** Bytes of a blob whose digest is not known yet: it comes last. One owner, who commits or discards it. */
export interface Upload {
  /** Bytes kept so far. */
  readonly size: number
  /** @throws StoreError when the disk can't take more, or the store's limits don't allow it */
  append(bytes: Uint8Array): Promise<void>
  /**
   * Makes it a complete blob, if it has the digest, and ends the upload whatever comes of it.
   *
   * @throws DigestMismatchError, StoreError; then nothing of it is kept
   */
  commit(descriptor: Descriptor): Promise<void>
  /** Ends the upload, and keeps nothing of it. No more after {@link commit}. */
  discard(): Promise<void>
}

/** Keeps what comes in as a stream until its digest is known. */
export interface UploadStore {
  /** @throws StoreError */
  begin(): Promise<Upload>
}
