import type { Descriptor, Digest } from '@shoal/content'
import type { BlobFiles } from './blob-files.ts'
import type { FileBlobStoreComponents } from './blob-store.ts'
import type { KeyedMutex } from './mutex.ts'

export interface DamagedBlobsInit {
  readonly components: FileBlobStoreComponents
  readonly files: BlobFiles
  /** One at a time for each blob. */
  readonly changes: KeyedMutex<Digest>
  /** Somebody fills the blob's partial file. */
  readonly isOwned: (digest: Digest) => boolean
  /** It is no longer there, as a complete blob. */
  readonly forget: (digest: Digest) => void
}

/** Takes blobs out of use whose bytes are not what was stored, and keeps of them what still is. */
export class DamagedBlobs {
  readonly #init: DamagedBlobsInit
  readonly #removing = new Map<Digest, Promise<void>>()

  constructor(init: DamagedBlobsInit) {
    this.#init = init
  }

  /** Takes a complete blob out of use, so that it is fetched anew. Never throws: what fails is told of. */
  async report(digest: Digest, reason: string): Promise<void> {
    const known = this.#removing.get(digest)
    if (known !== undefined) return known
    const { residents, onEvent } = this.#init.components
    const descriptor = residents.get(digest)
    if (descriptor === undefined) return this.reportForeign(digest, reason)
    onEvent({ type: 'damaged', digest, reason })
    const removing = this.#init.changes
      .run(digest, () => this.#reopen(descriptor))
      .catch((error) => onEvent({ type: 'failed', operation: 'removing damage', error }))
      .finally(() => this.#removing.delete(digest))
    this.#removing.set(digest, removing)
    return removing
  }

  /** The same for one of another content store. */
  async reportForeign(digest: Digest, reason: string): Promise<void> {
    const { foreign, onEvent } = this.#init.components
    try {
      await foreign?.reportDamaged(digest, reason)
    } catch (error) {
      onEvent({ type: 'failed', operation: 'removing damage', error: error as Error })
    }
  }

  /** Waits until the blob is out of use, if it is being taken out. */
  async settled(digest: Digest): Promise<void> {
    await this.#removing.get(digest)
  }

  async allSettled(): Promise<void> {
    await Promise.allSettled(this.#removing.values())
  }

  /**
   * Someone changed the file, or a row is damaged: if the bytes still have the digest, the rows are made anew. False if
   * not; then the blob is out of use. The caller has the blob's turn to change it.
   */
  async repair(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    const { components, files } = this.#init
    const { digest, size } = descriptor
    if ((await components.directory.blobSize(digest)) === size) {
      if ((await files.adopt(descriptor, signal)) !== undefined) return true
    }
    components.onEvent({ type: 'damaged', digest, reason: 'its file is gone, or another' })
    await this.#reopen(descriptor)
    return false
  }

  async #reopen(descriptor: Descriptor): Promise<void> {
    const { components, files, isOwned, forget } = this.#init
    const { residents, now } = components
    const { digest, size } = descriptor
    if (residents.get(digest) === undefined) return
    if (isOwned(digest)) await files.remove(digest)
    else if (await files.reopen(descriptor)) {
      residents.setPartial(digest, { written: size, promised: 0, lastUsedAt: now() })
    }
    forget(digest)
  }
}
