import type { Digest } from '@shoal/content'
import type { FileBlobStore } from './blob-store.ts'
import type { CacheListener } from './cache-events.ts'
import type { ForeignContent } from './foreign-content.ts'
import type { Residents } from './residents.ts'

const intervalMs = 30_000

export interface SharedBlobsInit {
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
    const { foreign, blobs, residents, pinned } = this.#init
    const pins = await pinned()
    for (const { digest } of foreign.list()) {
      const isOwn = residents.get(digest) !== undefined
      if (pins.has(digest) && !isOwn) await blobs.takeIn(digest)
      else if (isOwn) await blobs.dropSecondCopy(digest)
    }
  }
}
