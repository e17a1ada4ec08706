import { statfs } from 'node:fs/promises'
import { type Descriptor, type Digest, StoreError } from '@shoal/content'
import type { CacheListener } from './cache-events.ts'
import { chooseEvictions, type EvictionCandidate, type Excess, excessOf, type SpaceLimits } from './evict.ts'
import { Mutex } from './mutex.ts'
import type { Residents } from './residents.ts'
import { bytesOf, type SpaceAmount } from './space-amount.ts'
import { storeError } from './store-errors.ts'

/** Others fill the disk too, while nothing is pulled here. */
const checkIntervalMs = 30_000

export interface SpaceKeeperInit {
  /** Of the data directory. */
  readonly path: string
  readonly residents: Residents
  /** @default unlimited */
  readonly quota?: SpaceAmount | undefined
  /** @default none */
  readonly minFree?: SpaceAmount | undefined
  /** Somebody reads or fills it. */
  readonly isInUse: (digest: Digest) => boolean
  /** Blobs that must stay whatever was used when. */
  readonly pinned: () => Promise<ReadonlySet<Digest>>
  /** Removes it, unless somebody uses it by now; whether it is gone. */
  readonly evict: (candidate: EvictionCandidate) => Promise<boolean>
  readonly onEvent: CacheListener
}

/**
 * Keeps the cache within its quota and the file system above its minimum of free space: makes room before a
 * blob comes in, and gives room back when others need it.
 */
export class SpaceKeeper {
  readonly #init: SpaceKeeperInit
  /** One decision at a time, so that no two promise the same room. */
  readonly #mutex = new Mutex()
  #timer: NodeJS.Timeout | undefined
  #enforcing: Promise<unknown> | undefined
  /** Something was added since {@link enforce} last looked. */
  #mustLook = false
  /** Bytes for uploads, which are no blobs yet. */
  #reserved = 0

  constructor(init: SpaceKeeperInit) {
    this.#init = init
  }

  get #isLimited(): boolean {
    return this.#init.quota !== undefined || this.#init.minFree !== undefined
  }

  start(): void {
    if (!this.#isLimited) return
    this.#timer = setInterval(() => this.enforce(), checkIntervalMs).unref()
    this.enforce()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#enforcing
  }

  /**
   * Makes room for a blob that is about to be filled, and promises that room to it.
   *
   * @throws StoreError `over-quota` or `disk-full` when there is no room even without all that could give way
   */
  async admit(descriptor: Descriptor): Promise<void> {
    await this.#mutex.run(async () => {
      const { residents } = this.#init
      const written = residents.writtenOf(descriptor.digest)
      const promised = Math.max(0, descriptor.size - written)
      if (this.#isLimited) {
        const limits = await this.#limits()
        if (descriptor.size > limits.quota) throw overQuota(descriptor, limits)
        await this.#makeRoomFor(nameOf(descriptor), promised, limits)
      }
      residents.setPartial(descriptor.digest, { written, promised, lastUsedAt: 0 })
    })
  }

  /**
   * Makes room for some more of an upload.
   *
   * @throws StoreError `over-quota` or `disk-full` when there is none even without all that could give way
   */
  async reserve(bytes: number): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#isLimited) await this.#makeRoomFor('an upload', bytes, await this.#limits())
      this.#reserved += bytes
    })
  }

  /** The upload is gone, or has become a blob. */
  release(bytes: number): void {
    this.#reserved -= bytes
  }

  /** Lets go of what has to give way, in the background. */
  enforce(): void {
    if (!this.#isLimited) return
    this.#mustLook = true
    this.#enforcing ??= this.#enforce()
  }

  /** The disk is full although the limits say that it is not: whether anything could be let go of. */
  async relieve(bytes: number): Promise<boolean> {
    return this.#mutex.run(async () => {
      // Several writers hit the end of the disk together, and one of them has made room by now.
      if ((await this.#fileSystem()).free >= bytes) return true
      const gone = await this.#evict(await this.#candidates(), { bytes, reason: 'free-space' })
      return gone > 0
    })
  }

  /** Evicts nothing when that would not be enough. */
  async #makeRoomFor(what: string, incoming: number, limits: SpaceLimits): Promise<void> {
    const before = await this.#excess(incoming, limits)
    if (before.bytes <= 0) return
    const candidates = await this.#candidates()
    const evictable = candidates.reduce((sum, { bytes }) => sum + bytes, 0)
    if (evictable >= before.bytes) await this.#evict(candidates, before)
    const after = await this.#excess(incoming, limits)
    if (after.bytes > 0) throw noRoom(what, after, limits)
  }

  async #enforce(): Promise<void> {
    const { onEvent } = this.#init
    while (this.#mustLook) {
      this.#mustLook = false
      try {
        await this.#mutex.run(() => this.#reduce())
      } catch (error) {
        onEvent({ type: 'failed', operation: 'making room', error })
      }
    }
    this.#enforcing = undefined
  }

  async #reduce(): Promise<void> {
    const excess = await this.#excess(0, await this.#limits())
    if (excess.bytes > 0) await this.#evict(await this.#candidates(), excess)
  }

  /** Evicts so many bytes, or what there is: in place of what somebody uses by now, others. The bytes that are gone. */
  async #evict(candidates: readonly EvictionCandidate[], { bytes, reason }: Excess): Promise<number> {
    const { evict, onEvent } = this.#init
    const left = new Set(candidates)
    let gone = 0
    for (let chosen = chooseEvictions(candidates, bytes); chosen.length > 0; ) {
      for (const candidate of chosen) {
        left.delete(candidate)
        if (!(await evict(candidate))) continue
        gone += candidate.bytes
        onEvent({ type: 'evicted', digest: candidate.digest, bytes: candidate.bytes, reason })
      }
      chosen = chooseEvictions([...left], bytes - gone)
    }
    return gone
  }

  async #candidates(): Promise<EvictionCandidate[]> {
    const { residents, isInUse, pinned } = this.#init
    const pins = await pinned()
    return residents.candidates((digest) => pins.has(digest) || isInUse(digest))
  }

  async #excess(incoming: number, limits: SpaceLimits): Promise<Excess> {
    const { residents } = this.#init
    const { free } = await this.#fileSystem()
    const use = { own: residents.ownBytes + this.#reserved, promised: residents.promisedBytes, free }
    return excessOf(use, limits, incoming)
  }

  async #limits(): Promise<SpaceLimits> {
    const { quota, minFree } = this.#init
    const { size } = await this.#fileSystem()
    return {
      quota: quota === undefined ? Number.POSITIVE_INFINITY : bytesOf(quota, size),
      minFree: minFree === undefined ? 0 : bytesOf(minFree, size),
    }
  }

  /** Bytes. What is free is free for this user: some of it may be kept for root. */
  async #fileSystem(): Promise<{ size: number; free: number }> {
    try {
      const { blocks, bavail, bsize } = await statfs(this.#init.path)
      return { size: blocks * bsize, free: bavail * bsize }
    } catch (cause) {
      throw storeError(`looking at the file system of ${this.#init.path}`, cause, 'unreadable')
    }
  }
}

function nameOf({ digest, size }: Descriptor): string {
  return `blob ${digest} (${size} bytes)`
}

function overQuota(descriptor: Descriptor, { quota }: SpaceLimits): StoreError {
  const what = `${nameOf(descriptor)} is larger than the cache's quota (${quota} bytes)`
  return new StoreError('over-quota', `${what}: it is passed through; raise the quota to store it`)
}

function noRoom(incoming: string, { bytes, reason }: Excess, limits: SpaceLimits): StoreError {
  const what = `no room for ${incoming}: all else that the cache holds is in use or pinned, and`
  if (reason === 'quota') {
    return new StoreError(
      'over-quota',
      `${what} its quota (${limits.quota} bytes) lacks ${bytes}; raise the quota, or unpin images`,
    )
  }
  return new StoreError(
    'disk-full',
    `${what} the file system lacks ${bytes} bytes to keep ${limits.minFree} free; free some space on it`,
  )
}
