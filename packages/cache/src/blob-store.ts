import { open, rename } from 'node:fs/promises'
import {
  type AbortOptions,
  type BlobStore,
  ChunkLayout,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  type PartialBlob,
  type StoredBlob,
  StoreError,
} from '@shoal/content'
import { adoptBlob } from './adopt-blob.ts'
import { BlobFile } from './blob-file.ts'
import { type CacheIndex, chunkHashBytes } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'
import { chooseEvictions, type EvictionCandidate } from './evict.ts'
import type { LastUse } from './last-use.ts'
import { KeyedMutex } from './mutex.ts'
import { openFilePartial } from './open-partial.ts'
import type { FilePartial } from './partial-blob.ts'
import { errorCode, storeError } from './store-errors.ts'
import { FileBlob } from './stored-blob.ts'

export interface FileBlobStoreComponents {
  readonly directory: DataDirectory
  readonly index: CacheIndex
  readonly lastUse: LastUse
  /** Bytes that complete blobs may take together. @default unlimited */
  readonly quotaBytes?: number | undefined
}

interface BlobUse {
  readonly descriptor: Descriptor
  /** Milliseconds since the epoch; undefined for one that was never opened. */
  readonly lastUsedAt: number | undefined
}

/** Blobs as files, what is known of them in the index. */
export class FileBlobStore implements BlobStore {
  readonly #components: FileBlobStoreComponents
  /** What the callers have not closed yet. */
  readonly #open = new Set<FileBlob | FilePartial>()
  /** Partial blobs that have an owner, or are about to. */
  readonly #owned = new Set<Digest>()
  /** One at a time for each blob: what creates, replaces or removes its file. */
  readonly #files = new KeyedMutex<Digest>()
  readonly #syncSlot = { taken: false }
  readonly #running = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()
  readonly #removedListeners = new Set<(digest: Digest) => void>()
  #evicting: Promise<unknown> = Promise.resolve()

  constructor(components: FileBlobStoreComponents) {
    this.#components = components
  }

  async open(digest: Digest, options?: AbortOptions): Promise<StoredBlob | undefined> {
    return this.#run(options, async () => {
      const { index, lastUse } = this.#components
      const row = await index.blobs.get(digest)
      if (row === undefined) return undefined
      const opened = (await this.#openBlob({ digest, ...row })) ?? (await this.#repair(digest, options))
      if (opened !== undefined) lastUse.touch(digest)
      return opened
    })
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.#components.index.blobs.get(digest)) !== undefined
  }

  async openPartial(descriptor: Descriptor, options?: AbortOptions): Promise<PartialBlob> {
    return this.#run(options, async () => {
      const { digest } = descriptor
      if (this.#owned.has(digest)) {
        throw new StoreError(
          'partial-in-use',
          `partial blob ${digest} has an owner: share it, or wait for its close`,
        )
      }
      this.#owned.add(digest)
      try {
        return await this.#files.run(digest, () => this.#openPartial(descriptor, this.#signal(options)))
      } catch (error) {
        this.#owned.delete(digest)
        throw error
      }
    })
  }

  async *list(options?: AbortOptions): AsyncGenerator<Descriptor> {
    for (const { descriptor } of (await this.#byUse(options)).reverse()) {
      options?.signal?.throwIfAborted()
      yield descriptor
    }
  }

  /** Removes all that is kept of a blob. A partial blob that has an owner stays; open blobs stay readable. */
  async delete(digest: Digest): Promise<void> {
    return this.#run(undefined, () =>
      this.#files.run(digest, async () => {
        const { directory, index, lastUse } = this.#components
        // The file first: were it last, a crash in between would bring the blob back.
        await directory.removeBlob(digest)
        lastUse.forget(digest)
        const wasComplete = await this.has(digest)
        await index.removeBlob(digest)
        if (wasComplete) this.#removed(digest)
        if (this.#owned.has(digest)) return
        await directory.removePartial(digest)
        await index.removePartial(digest)
      }),
    )
  }

  onRemoved(listener: (digest: Digest) => void): () => void {
    this.#removedListeners.add(listener)
    return () => this.#removedListeners.delete(listener)
  }

  /** Closes everything that is open. */
  async stop(): Promise<void> {
    this.#stopping.abort(new StoreError('closed', 'the cache is stopped'))
    await this.#evicting
    await Promise.allSettled(this.#running) // each has a caller who gets its failure
    const closed = await Promise.allSettled([...this.#open].map((each) => each.close()))
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  /** Undefined when the file or the hashes are not what the row says. */
  async #openBlob(descriptor: Descriptor): Promise<FileBlob | undefined> {
    const { directory, index } = this.#components
    const { digest, size } = descriptor
    const hashes = await index.hashes.get(digest)
    if (hashes?.length !== new ChunkLayout(size).count * chunkHashBytes) return undefined
    const file = await openWhole(directory.blob(digest), descriptor)
    if (file === undefined) return undefined
    const blob = new FileBlob({ descriptor, file, hashes, onClosed: () => this.#open.delete(blob) })
    this.#open.add(blob)
    return blob
  }

  /** Someone changed the file, or a row is damaged: what still has its digest is kept, the rest removed. */
  async #repair(digest: Digest, options: AbortOptions | undefined): Promise<FileBlob | undefined> {
    return this.#files.run(digest, async () => {
      const row = await this.#components.index.blobs.get(digest)
      if (row === undefined) return undefined
      const descriptor = { digest, ...row }
      const opened = await this.#openBlob(descriptor)
      if (opened !== undefined) return opened
      const hashes = await adoptBlob(this.#components, descriptor, this.#signal(options))
      if (hashes !== undefined) return this.#openBlob(descriptor)
      this.#removed(digest)
      return undefined
    })
  }

  async #openPartial(descriptor: Descriptor, signal: AbortSignal): Promise<FilePartial> {
    const { digest } = descriptor
    let published = false
    const partial = await openFilePartial({
      ...this.#components,
      descriptor,
      signal,
      syncSlot: this.#syncSlot,
      publish: async (hashes) => {
        await this.#files.run(digest, () => this.#publish(descriptor, hashes))
        published = true
        this.#owned.delete(digest)
        this.#components.lastUse.touch(digest)
        this.#keepWithinQuota()
      },
      onClosed: () => {
        this.#open.delete(partial)
        if (!published) this.#owned.delete(digest) // else it may be another's by now
      },
    })
    this.#open.add(partial)
    return partial
  }

  async #publish(descriptor: Descriptor, hashes: Uint8Array): Promise<void> {
    const { directory, index } = this.#components
    const { digest } = descriptor
    const [from, to] = [directory.partial(digest), directory.blob(digest)]
    try {
      await rename(from, to)
      try {
        await directory.syncBlobNames(digestAlgorithm(digest))
        await index.publish(descriptor, hashes)
      } catch (error) {
        // The owner can try again. Should this fail too, the next start finds the file and adopts it.
        await Promise.allSettled([rename(to, from)])
        throw error
      }
    } catch (cause) {
      throw storeError(`completing blob ${digest}`, cause, 'not-writable')
    }
  }

  /** In the background, one after the other; what fails is tried again after the next blob. */
  #keepWithinQuota(): void {
    const { quotaBytes } = this.#components
    if (quotaBytes !== undefined)
      this.#evicting = Promise.allSettled([this.#evicting, this.#evict(quotaBytes)])
  }

  async #evict(quotaBytes: number): Promise<void> {
    const open = new Set([...this.#open].map(({ descriptor }) => descriptor.digest))
    const blobs: EvictionCandidate[] = (await this.#byUse()).map(({ descriptor, lastUsedAt }) => {
      const { digest, size } = descriptor
      return { digest, size, lastUsedAt, isOpen: open.has(digest) }
    })
    for (const digest of chooseEvictions(blobs, quotaBytes)) await this.delete(digest)
  }

  /** The complete blobs, those first that were not used for longest. */
  async #byUse(options?: AbortOptions): Promise<BlobUse[]> {
    const { index, lastUse } = this.#components
    const blobs: BlobUse[] = []
    for await (const descriptor of index.listBlobs()) {
      options?.signal?.throwIfAborted()
      blobs.push({ descriptor, lastUsedAt: await lastUse.get(descriptor.digest) })
    }
    return blobs.sort((a, b) => (a.lastUsedAt ?? 0) - (b.lastUsedAt ?? 0))
  }

  #removed(digest: Digest): void {
    for (const listener of this.#removedListeners) listener(digest)
  }

  async #run<T>(options: AbortOptions | undefined, task: () => Promise<T>): Promise<T> {
    this.#stopping.signal.throwIfAborted()
    options?.signal?.throwIfAborted()
    const running = task()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  #signal(options: AbortOptions | undefined): AbortSignal {
    const own = this.#stopping.signal
    return options?.signal === undefined ? own : AbortSignal.any([own, options.signal])
  }
}

/** Undefined when there is no file, or none of the blob's size. */
async function openWhole(path: string, { digest, size }: Descriptor): Promise<BlobFile | undefined> {
  try {
    const file = new BlobFile(await open(path, 'r'), `blob ${digest}`)
    let isWhole = false
    try {
      isWhole = await file.hasSize(size)
    } finally {
      if (!isWhole) await file.close()
    }
    return isWhole ? file : undefined
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw storeError(`opening blob ${digest}`, cause, 'unreadable')
  }
}
