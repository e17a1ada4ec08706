import type { Descriptor, Digest } from '@shoal/content'
import type { BlobListeners } from './blob-listeners.ts'
import type { FileBlobStore } from './blob-store.ts'
import type { CacheListener } from './cache-events.ts'
import type { DataDirectory } from './data-directory.ts'
import type { ForeignContent } from './foreign-content.ts'
import type { Residents } from './residents.ts'

const intervalMs = 30_000

export interface SharedBlobsInit {
  readonly directory: DataDirectory
  readonly listeners: BlobListeners
  readonly foreign: ForeignContent
  readonly blobs: FileBlobStore
  readonly residents: Residents
  readonly pinned: () => Promise<ReadonlySet<Digest>>
  readonly onEvent: CacheListener
}

/**
 * Sees to blobs that another content store on this node has as well: a second copy goes once nobody uses it, and what
 * is pinned is taken in, so that it stays when the other store lets go of it.
 */
export class SharedBlobs {
  readonly #init: SharedBlobsInit
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> | undefined

  constructor(init: SharedBlobsInit) {
    this.#init = init
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), intervalMs).unref()
    this.look()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#working
  }

  /** The blob is in the other content store too, or only there. */
  foreignAdded(digest: Digest): void {
    const { residents, listeners, onEvent } = this.#init
    if (residents.get(digest) === undefined) return listeners.added(digest)
    this.#dropSecondCopy(digest).catch((error) =>
      onEvent({ type: 'failed', operation: 'removing a second copy', error }),
    )
  }

  foreignRemoved(digest: Digest): void {
    const { residents, listeners } = this.#init
    if (residents.get(digest) === undefined) listeners.removed(digest)
  }

  /** In the background. */
  look(): void {
    const { onEvent } = this.#init
    this.#working ??= this.#look()
      .catch((error) => onEvent({ type: 'failed', operation: 'sharing blobs with containerd', error }))
      .finally(() => {
        this.#working = undefined
      })
  }

  async #look(): Promise<void> {
    const { foreign, residents, pinned } = this.#init
    const pins = await pinned()
    for (const descriptor of foreign.list()) {
      const { digest } = descriptor
      const isOwn = residents.get(digest) !== undefined
      if (pins.has(digest) && !isOwn) await this.#takeIn(descriptor)
      else if (isOwn) await this.#dropSecondCopy(digest)
    }
  }

  /** Lets go of our own copy, unless it is used or pinned here. */
  async #dropSecondCopy(digest: Digest): Promise<void> {
    const { foreign, blobs, pinned } = this.#init
    const pins = await pinned()
    if (foreign.get(digest) !== undefined && !pins.has(digest)) await blobs.removeUnused([digest])
  }

  /** A blob of the other content store becomes one of our own, without its bytes being written where that can be. */
  async #takeIn(descriptor: Descriptor): Promise<void> {
    const { foreign, blobs, directory } = this.#init
    const { digest } = descriptor
    const opened = await foreign.open(digest)
    if (opened === undefined) return
    await opened.file.close()
    await blobs.adopt(descriptor, opened.proof, () => directory.linkPartial(digest, foreign.pathOf(digest)))
  }
}
