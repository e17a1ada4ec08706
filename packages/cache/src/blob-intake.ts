import { randomUUID } from 'node:crypto'
import { type AbortOptions, type Descriptor, type Digest, DigestMismatchError } from '@shoal/content'
import { proveFile } from './adopt-blob.ts'
import type { BlobFiles } from './blob-files.ts'
import type { FileBlobStoreComponents } from './blob-store.ts'
import type { BlobProof } from './cache-index.ts'
import type { KeyedMutex } from './mutex.ts'
import type { LentFile } from './share-file.ts'
import type { SpaceKeeper } from './space-keeper.ts'
import { isStoringTrouble, type StoringNotice } from './storing-notice.ts'

/** A file of somebody else that should have a blob's bytes. */
export interface LentBlob extends LentFile {
  readonly descriptor: Descriptor
}

export interface BlobIntakeInit {
  readonly components: FileBlobStoreComponents
  readonly files: BlobFiles
  readonly space: SpaceKeeper
  readonly notice: StoringNotice
  /** One at a time for each blob. */
  readonly changes: KeyedMutex<Digest>
  /** Partial blobs that have an owner, or are about to. */
  readonly owned: Set<Digest>
  /** Makes the blob's partial file a complete one. */
  readonly publish: (descriptor: Descriptor, proof: BlobProof) => Promise<void>
  /** The store is stopped. */
  readonly stopping: AbortSignal
}

/** Makes blobs of files that have all of their bytes already, beside those that are filled chunk by chunk. */
export class BlobIntake {
  readonly #init: BlobIntakeInit

  constructor(init: BlobIntakeInit) {
    this.#init = init
  }

  /**
   * Makes a blob of a file that was verified elsewhere and that `place` puts among the partial ones. Does nothing when
   * the blob is here, or arriving. What can't be stored is told of, and stays where it is.
   */
  async adopt(descriptor: Descriptor, proof: BlobProof, place: () => Promise<void>): Promise<void> {
    const { components, owned, space, changes, publish, notice } = this.#init
    const { residents, now } = components
    const { digest } = descriptor
    if (this.#isHere(digest)) return
    owned.add(digest)
    try {
      await space.admit(descriptor)
      await changes.run(digest, async () => {
        await place()
        await publish(descriptor, proof)
      })
    } catch (error) {
      if (!isStoringTrouble(error)) throw error
      notice.failed(descriptor, error)
    } finally {
      residents.leavePartial(digest, now())
      owned.delete(digest)
    }
  }

  /**
   * Takes a file that has a blob's bytes for the blob, and tells who listens. Does nothing when it is there, or on its way.
   *
   * @throws DigestMismatchError, StoreError
   */
  async takeIn(descriptor: Descriptor, path: string): Promise<void> {
    const { components, owned, space, changes } = this.#init
    const { digest } = descriptor
    if (this.#isHere(digest)) return
    owned.add(digest)
    try {
      await changes.run(digest, () => this.#prove(descriptor, path))
    } finally {
      components.residents.leavePartial(digest, components.now())
      owned.delete(digest)
    }
    components.listeners.added(digest)
    space.enforce()
  }

  /**
   * Makes a blob of somebody's file without its bytes being written, and tells who listens. They are verified where
   * nobody else writes, or in case of a link, where each read verifies them again. False, and nothing kept, when the
   * bytes have to come another way: the file can't be shared or is not that blob's, or the blob is arriving.
   *
   * @throws StoreError
   */
  async share({ descriptor, ...file }: LentBlob, { signal }: AbortOptions = {}): Promise<boolean> {
    const { components, owned, space } = this.#init
    const { residents, listeners, now } = components
    const { digest } = descriptor
    if (this.#isHere(digest)) return !owned.has(digest)
    owned.add(digest)
    try {
      await space.admit(descriptor)
      if (!(await this.#shareOwned(descriptor, file, signal))) return false
    } finally {
      residents.leavePartial(digest, now())
      owned.delete(digest)
    }
    listeners.added(digest)
    space.enforce()
    return true
  }

  /** While the blob is owned nobody lets go of it, so that those who listen don't hear of its end first. */
  async #shareOwned(
    descriptor: Descriptor,
    file: LentFile,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { components, changes } = this.#init
    const { directory } = components
    const { digest, size } = descriptor
    const path = directory.upload(randomUUID())
    try {
      const isShared = (await directory.shareUpload(path, file)) && (await directory.hasSize(path, size))
      if (!isShared) return false
      await changes.run(digest, () => this.#prove(descriptor, path, signal))
      return true
    } catch (error) {
      if (error instanceof DigestMismatchError) return false
      throw error
    } finally {
      await directory.files.remove(path)
    }
  }

  /** Or arriving. */
  #isHere(digest: Digest): boolean {
    const { components, owned } = this.#init
    return components.residents.get(digest) !== undefined || owned.has(digest)
  }

  async #prove(descriptor: Descriptor, path: string, given?: AbortSignal): Promise<void> {
    const { components, files, publish, stopping } = this.#init
    const { directory, residents } = components
    const { digest } = descriptor
    const signal = given === undefined ? stopping : AbortSignal.any([stopping, given])
    const proof = await proveFile({ files: directory.files, path, descriptor, sync: true }, signal)
    if (proof === undefined) throw new DigestMismatchError(digest, 'other bytes')
    // What a download left of it is replaced.
    await files.removePartial(digest)
    residents.partialStartsAnew(digest)
    await directory.finishUpload(path, digest)
    await publish(descriptor, proof)
  }
}
