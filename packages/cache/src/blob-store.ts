import {
  type AbortOptions,
  type BlobStore,
  ChunkLayout,
  type Descriptor,
  type Digest,
  type PartialBlob,
  type StoredBlob,
  StoreError,
} from '@shoal/content'
import { BlobFiles } from './blob-files.ts'
import { BlobIntake, type LentBlob } from './blob-intake.ts'
import type { BlobListeners } from './blob-listeners.ts'
import type { CacheListener } from './cache-events.ts'
import type { BlobProof, CacheIndex } from './cache-index.ts'
import { DamagedBlobs } from './damaged-blobs.ts'
import type { DataDirectory } from './data-directory.ts'
import type { EvictionCandidate } from './evict.ts'
import type { ForeignContent } from './foreign-content.ts'
import type { Freed } from './image-catalog.ts'
import type { LastUse } from './last-use.ts'
import { KeyedMutex } from './mutex.ts'
import { openFilePartial } from './open-partial.ts'
import type { FilePartial } from './partial-blob.ts'
import type { Residents } from './residents.ts'
import type { SpaceAmount } from './space-amount.ts'
import { SpaceKeeper } from './space-keeper.ts'
import { FileBlob, type FileBlobInit } from './stored-blob.ts'
import { StoringNotice } from './storing-notice.ts'
import { UseCount } from './use-count.ts'

export interface FileBlobStoreComponents {
  readonly directory: DataDirectory
  readonly index: CacheIndex
  readonly residents: Residents
  readonly lastUse: LastUse
  readonly quota?: SpaceAmount | undefined
  readonly minFree?: SpaceAmount | undefined
  /** A content store on this node that holds blobs too. */
  readonly foreign?: ForeignContent | undefined
  readonly listeners: BlobListeners
  /** Blobs that must stay. */
  readonly pinned: () => Promise<ReadonlySet<Digest>>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly onEvent: CacheListener
}

/** Blobs as files, what is known of them in the index. */
export class FileBlobStore implements BlobStore {
  readonly #components: FileBlobStoreComponents
  readonly #files: BlobFiles
  readonly #space: SpaceKeeper
  readonly #notice: StoringNotice
  /** What the callers have not closed yet. */
  readonly #open = new Set<FileBlob | FilePartial>()
  /** Blobs that someone reads, or is about to. */
  readonly #readers = new UseCount<Digest>()
  /** Partial blobs that have an owner, or are about to. */
  readonly #owned = new Set<Digest>()
  /** One at a time for each blob: what creates, replaces or removes its file. */
  readonly #changes = new KeyedMutex<Digest>()
  readonly #damaged: DamagedBlobs
  readonly #intake: BlobIntake
  readonly #syncSlot = { taken: false }
  readonly #running = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()

  constructor(components: FileBlobStoreComponents) {
    this.#components = components
    this.#files = new BlobFiles(components)
    this.#notice = new StoringNotice(components.onEvent)
    this.#damaged = new DamagedBlobs({
      components,
      files: this.#files,
      changes: this.#changes,
      isOwned: (digest) => this.#owned.has(digest),
      forget: (digest) => this.#forget(digest),
    })
    this.#space = new SpaceKeeper({
      ...components,
      path: components.directory.path,
      isInUse: (digest) => this.#isInUse(digest),
      evict: (candidate) => this.#evict(candidate),
    })
    this.#intake = new BlobIntake({
      components,
      files: this.#files,
      space: this.#space,
      notice: this.#notice,
      changes: this.#changes,
      owned: this.#owned,
      publish: (descriptor, proof) => this.#publish(descriptor, proof),
      stopping: this.#stopping.signal,
    })
  }

  start(): void {
    this.#space.start()
  }

  /** {@link BlobIntake.adopt} */
  async adopt(descriptor: Descriptor, proof: BlobProof, place: () => Promise<void>): Promise<void> {
    await this.#intake.adopt(descriptor, proof, place)
  }

  async open(digest: Digest, options?: AbortOptions): Promise<StoredBlob | undefined> {
    return this.#run(options, async () => {
      const { residents } = this.#components
      if (residents.get(digest) === undefined) return this.#openForeign(digest)
      const endUse = this.#readers.begin(digest)
      try {
        await this.#damaged.settled(digest)
        const opened = (await this.#openBlob(digest, endUse)) ?? (await this.#repair(digest, endUse, options))
        if (opened !== undefined) this.#touch(digest)
        else endUse()
        return opened ?? (await this.#openForeign(digest))
      } catch (error) {
        endUse()
        throw error
      }
    })
  }

  async has(digest: Digest): Promise<boolean> {
    this.#stopping.signal.throwIfAborted()
    const { residents, foreign } = this.#components
    return residents.get(digest) !== undefined || foreign?.get(digest) !== undefined
  }

  async openPartial(descriptor: Descriptor, options?: AbortOptions): Promise<PartialBlob> {
    return this.#run(options, async () => {
      const { digest, size } = descriptor
      new ChunkLayout(size) // refuses a size that is none, before anything is done
      if (this.#owned.has(digest)) {
        throw new StoreError(
          'partial-in-use',
          `partial blob ${digest} has an owner: share it, or wait for its close`,
        )
      }
      this.#owned.add(digest)
      try {
        await this.#damaged.settled(digest)
        await this.#space.admit(descriptor)
        return await this.#changes.run(digest, () => this.#openPartial(descriptor, this.#signal(options)))
      } catch (error) {
        this.#components.residents.leavePartial(digest, this.#components.now())
        this.#owned.delete(digest)
        if (error instanceof StoreError) this.#notice.failed(descriptor, error)
        throw error
      }
    })
  }

  async *list(options?: AbortOptions): AsyncGenerator<Descriptor> {
    const { residents, foreign } = this.#components
    const others = (foreign?.list() ?? []).filter(({ digest }) => residents.get(digest) === undefined)
    for (const descriptor of [...residents.byUse(), ...others]) {
      this.#stopping.signal.throwIfAborted()
      options?.signal?.throwIfAborted()
      yield descriptor
    }
  }

  /** Removes all that is kept of a blob. A partial blob that has an owner stays; open blobs stay readable. */
  async delete(digest: Digest): Promise<void> {
    return this.#run(undefined, () =>
      this.#changes.run(digest, async () => {
        await this.#removeBlob(digest)
        if (this.#owned.has(digest)) return
        await this.#files.removePartial(digest)
        this.#components.residents.removePartial(digest)
      }),
    )
  }

  onAdded(listener: (digest: Digest) => void): () => void {
    return this.#components.listeners.onAdded(listener)
  }

  onRemoved(listener: (digest: Digest) => void): () => void {
    return this.#components.listeners.onRemoved(listener)
  }

  /** Removes what is kept of these blobs, but for what is in use; what that freed. */
  async removeUnused(digests: Iterable<Digest>): Promise<Freed> {
    let blobs = 0
    let bytes = 0
    for (const digest of digests) {
      for (const candidate of this.#components.residents.candidatesOf(digest)) {
        if (!(await this.#evict(candidate))) continue
        blobs++
        bytes += candidate.bytes
      }
    }
    return { blobs, bytes }
  }

  /** Makes room for some of an upload; @throws StoreError when there is none. */
  async reserve(bytes: number): Promise<void> {
    await this.#run(undefined, () => this.#space.reserve(bytes))
  }

  release(bytes: number): void {
    this.#space.release(bytes)
  }

  /** {@link BlobIntake.takeIn} */
  async takeIn(descriptor: Descriptor, path: string): Promise<void> {
    await this.#run(undefined, () => this.#intake.takeIn(descriptor, path))
  }

  /** {@link BlobIntake.share} */
  async share(lent: LentBlob, options?: AbortOptions): Promise<boolean> {
    return this.#run(options, () => this.#intake.share(lent, options))
  }

  async reportDamaged(digest: Digest, reason: string): Promise<void> {
    await this.#damaged.report(digest, reason)
  }

  /** Closes everything that is open. */
  async stop(): Promise<void> {
    this.#stopping.abort(new StoreError('closed', 'the cache is stopped'))
    await this.#space.stop()
    await Promise.allSettled(this.#running) // each has a caller who gets its failure
    await this.#damaged.allSettled()
    const closed = await Promise.allSettled([...this.#open].map((each) => each.close()))
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  #isInUse(digest: Digest): boolean {
    return this.#readers.has(digest) || this.#owned.has(digest)
  }

  #touch(digest: Digest): void {
    this.#components.lastUse.touch(digest)
    this.#components.residents.touch(digest, this.#components.now())
  }

  /** Undefined when the file or the rows are not what they should be. */
  async #openBlob(digest: Digest, endUse: () => void): Promise<FileBlob | undefined> {
    const descriptor = this.#components.residents.get(digest)
    if (descriptor === undefined) return undefined
    const opened = await this.#files.open(descriptor)
    const onDamaged = (reason: string) => void this.reportDamaged(digest, reason)
    return opened && this.#track({ ...opened, descriptor, onDamaged }, endUse)
  }

  async #openForeign(digest: Digest): Promise<FileBlob | undefined> {
    const { foreign } = this.#components
    const descriptor = foreign?.get(digest)
    const opened = await foreign?.open(digest)
    if (foreign === undefined || descriptor === undefined || opened === undefined) return undefined
    const onDamaged = (reason: string) => void this.#damaged.reportForeign(digest, reason)
    return this.#track({ ...opened, descriptor, onDamaged }, () => undefined)
  }

  #track(init: Omit<FileBlobInit, 'onClosed'>, endUse: () => void): FileBlob {
    const blob = new FileBlob({
      ...init,
      onClosed: () => {
        this.#open.delete(blob)
        endUse()
      },
    })
    this.#open.add(blob)
    return blob
  }

  /** Someone changed the file, or a row is damaged: what still has its digest is kept. */
  async #repair(
    digest: Digest,
    endUse: () => void,
    options: AbortOptions | undefined,
  ): Promise<FileBlob | undefined> {
    return this.#changes.run(digest, async () => {
      const descriptor = this.#components.residents.get(digest)
      if (descriptor === undefined) return undefined
      const opened = await this.#openBlob(digest, endUse)
      if (opened !== undefined) return opened
      if (!(await this.#damaged.repair(descriptor, this.#signal(options)))) return undefined
      return this.#openBlob(digest, endUse)
    })
  }

  async #openPartial(descriptor: Descriptor, signal: AbortSignal): Promise<FilePartial> {
    const { residents, now } = this.#components
    const { digest, size } = descriptor
    let published = false
    const partial = await openFilePartial({
      ...this.#components,
      descriptor,
      signal,
      syncSlot: this.#syncSlot,
      publish: async (proof) => {
        await this.#changes.run(digest, () => this.#publish(descriptor, proof))
        published = true
        this.#owned.delete(digest)
        this.#space.enforce()
      },
      onWritten: (bytes) => residents.partialGrew(digest, bytes),
      onFailed: (error) => this.#notice.failed(descriptor, error),
      makeRoom: (bytes) => this.#space.relieve(bytes),
      onClosed: () => {
        this.#open.delete(partial)
        if (published) return // it may be another's by now
        residents.leavePartial(digest, now())
        this.#owned.delete(digest)
      },
    })
    const { held, layout } = partial
    const written = Math.min(size, held.size * layout.chunkLength)
    residents.setPartial(digest, { written, promised: size - written, lastUsedAt: now() })
    this.#open.add(partial)
    return partial
  }

  async #publish(descriptor: Descriptor, proof: BlobProof): Promise<void> {
    const { residents, lastUse, now } = this.#components
    await this.#files.publish(descriptor, proof)
    residents.removePartial(descriptor.digest)
    residents.addBlob(descriptor, now())
    lastUse.touch(descriptor.digest)
    this.#notice.worked()
  }

  async #evict({ digest, kind }: EvictionCandidate): Promise<boolean> {
    return this.#changes.run(digest, async () => {
      if (this.#isInUse(digest)) return false
      if (kind === 'blob') return this.#removeBlob(digest)
      await this.#files.removePartial(digest)
      this.#components.residents.removePartial(digest)
      return true
    })
  }

  async #removeBlob(digest: Digest): Promise<boolean> {
    await this.#files.remove(digest)
    return this.#forget(digest)
  }

  /** It is no longer there: whoever wants to know hears of it. */
  #forget(digest: Digest): boolean {
    const { residents, lastUse } = this.#components
    lastUse.forget(digest)
    if (!residents.removeBlob(digest)) return false
    if (this.#components.foreign?.get(digest) === undefined) this.#components.listeners.removed(digest)
    return true
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
