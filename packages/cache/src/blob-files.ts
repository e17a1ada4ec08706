import { constants } from 'node:fs'
import { type Descriptor, type Digest, digestAlgorithm, StoreError } from '@shoal/content'
import { adoptBlob } from './adopt-blob.ts'
import { BlobFile } from './blob-file.ts'
import type { BlobProof, CacheIndex } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'
import type { FileLayer } from './file-layer.ts'
import { mayBeManifest, referencesIn } from './manifest-references.ts'
import { errorCode, storeError } from './store-errors.ts'

export interface BlobFilesComponents {
  readonly directory: DataDirectory
  readonly index: CacheIndex
}

/** An open file that has the blob's size, and by what its bytes are checked. */
export interface CheckedFile {
  readonly file: BlobFile
  readonly proof: BlobProof
}

/**
 * The files of blobs and their rows, changed together, in the order that a crash can't hurt. One change of a blob at
 * a time: the caller sees to that.
 */
export class BlobFiles {
  readonly #components: BlobFilesComponents

  constructor(components: BlobFilesComponents) {
    this.#components = components
  }

  /** Undefined when the file or the rows are not what they should be. */
  async open(descriptor: Descriptor): Promise<CheckedFile | undefined> {
    const { directory, index } = this.#components
    const proof = await index.proofOf(descriptor)
    const file =
      proof && (await openWhole(directory.files, { path: directory.blob(descriptor.digest), descriptor }))
    return file && { file, proof }
  }

  /** A partial blob whose bytes are verified and on the disk becomes a complete one. */
  async publish(descriptor: Descriptor, proof: BlobProof): Promise<void> {
    const { directory, index } = this.#components
    const { digest } = descriptor
    try {
      const references = await this.#referencesIn(descriptor)
      await directory.finishPartial(digest)
      try {
        await directory.syncBlobNames(digestAlgorithm(digest))
        await index.publish(descriptor, { ...proof, references })
      } catch (error) {
        // The owner can try again. Should this fail too, the next start finds the file and adopts it.
        await Promise.allSettled([directory.reopenBlob(digest)])
        throw error
      }
    } catch (cause) {
      throw storeError(`completing blob ${digest}`, cause, 'not-writable')
    }
  }

  /** The file first: were it last, a crash in between would bring the blob back. */
  async remove(digest: Digest): Promise<void> {
    const { directory, index } = this.#components
    await directory.removeBlob(digest)
    await index.removeBlob(digest)
  }

  async removePartial(digest: Digest): Promise<void> {
    const { directory, index } = this.#components
    await directory.removePartial(digest)
    await index.removePartial(digest)
  }

  /**
   * A damaged blob becomes a partial one: whoever fills it next checks each chunk and fetches only those that are
   * wrong. Whether there was something to keep; if not, file and rows are gone.
   */
  async reopen(descriptor: Descriptor): Promise<boolean> {
    const { directory, index } = this.#components
    const { digest } = descriptor
    const proof = await index.proofOf(descriptor)
    if (proof === undefined || (await directory.blobSize(digest)) === undefined) {
      await this.remove(digest)
      return false
    }
    try {
      await directory.reopenBlob(digest)
    } catch (cause) {
      throw storeError(`taking damaged blob ${digest} out of use`, cause, 'not-writable')
    }
    await index.reopenBlob(descriptor, proof.hashes)
    return true
  }

  /** The rows say nothing that could be trusted: reads the whole file. Undefined, and gone, when it is another. */
  adopt(descriptor: Descriptor, signal: AbortSignal): Promise<BlobProof | undefined> {
    return adoptBlob(this.#components, descriptor, signal)
  }

  async #referencesIn(descriptor: Descriptor): Promise<BlobProof['references']> {
    if (!mayBeManifest(descriptor)) return undefined
    const { files } = this.#components.directory
    const path = this.#components.directory.partial(descriptor.digest)
    const file = new BlobFile(await files.open(path, constants.O_RDONLY), `manifest ${descriptor.digest}`)
    try {
      return referencesIn(await file.read({ start: 0, end: descriptor.size }))
    } finally {
      await file.close()
    }
  }
}

/** Undefined when there is no file, or none of the blob's size. */
export async function openWhole(
  files: FileLayer,
  { path, descriptor }: { readonly path: string; readonly descriptor: Descriptor },
): Promise<BlobFile | undefined> {
  const { digest, size } = descriptor
  try {
    const file = new BlobFile(await files.open(path, constants.O_RDONLY), `blob ${digest}`)
    let isWhole = false
    try {
      isWhole = await file.hasSize(size)
    } finally {
      if (!isWhole) await file.close()
    }
    return isWhole ? file : undefined
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw cause instanceof StoreError ? cause : storeError(`opening blob ${digest}`, cause, 'unreadable')
  }
}
