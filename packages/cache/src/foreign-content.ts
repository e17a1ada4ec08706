import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ChunkLayout, type Descriptor, type Digest, InvalidInputError } from '@shoal/content'
import { proveFile } from './adopt-blob.ts'
import type { CheckedFile } from './blob-files.ts'
import { openWhole } from './blob-files.ts'
import type { CacheListener } from './cache-events.ts'
import type { CacheIndex } from './cache-index.ts'
import { nodeFiles } from './file-layer.ts'
import {
  contentDirectory,
  type FileIdentity,
  foreignFiles,
  foreignPath,
  identityOf,
} from './foreign-files.ts'
import { unknownMediaType } from './manifest-references.ts'

/** For what no notice comes of: a file system that gives none, a directory that appears later. */
const scanIntervalMs = 30_000
/** A pull makes many changes; looking once after them is enough. */
const settleMs = 100
/** After a blob was hashed, so long as that took, at most: whoever pulls goes first. */
const maxPauseMs = 1_000

export interface ForeignContentInit {
  /** containerd's content store, or its root. Read only. */
  readonly path: string
  readonly index: CacheIndex
  readonly onAdded: (digest: Digest) => void
  readonly onRemoved: (digest: Digest) => void
  readonly onEvent: CacheListener
}

/**
 * A content store of somebody else on this node, containerd's, as a second source of blobs: nothing in it is changed or
 * copied. Each file is hashed once, and known again by size, time and inode. Files appear there whole, under their digest.
 */
export class ForeignContent {
  readonly #init: ForeignContentInit
  /** Verified, and there when last looked. */
  readonly #blobs = new Map<Digest, Descriptor>()
  /** Files that are not what their name says, until they are replaced. */
  readonly #bad = new Map<Digest, FileIdentity>()
  readonly #stopping = new AbortController()
  readonly #watchers: FSWatcher[] = []
  #directory = ''
  #timer: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined
  #scanning: Promise<void> | undefined
  #again = false

  constructor(init: ForeignContentInit) {
    this.#init = init
  }

  /** Knows at once what was verified by an earlier run; what is new follows. */
  async start(): Promise<void> {
    this.#directory = await contentDirectory(this.#init.path)
    for await (const [digest, identity] of foreignFiles(this.#directory)) {
      if (await this.#isKnown(digest, identity)) await this.#add(digest, identity.size)
    }
    this.#timer = setInterval(() => this.scan(), scanIntervalMs).unref()
    this.#watch()
    this.scan()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the cache is stopped'))
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    for (const watcher of this.#watchers) watcher.close()
    await this.#scanning
  }

  get(digest: Digest): Descriptor | undefined {
    return this.#blobs.get(digest)
  }

  list(): Descriptor[] {
    return [...this.#blobs.values()]
  }

  pathOf(digest: Digest): string {
    return foreignPath(this.#directory, digest)
  }

  /** Undefined when it is not there, or not any more. */
  async open(digest: Digest): Promise<CheckedFile | undefined> {
    const descriptor = this.#blobs.get(digest)
    if (descriptor === undefined) return undefined
    const proof = await this.#init.index.foreignProofOf(descriptor)
    const path = this.pathOf(digest)
    const file = proof && (await openWhole(nodeFiles, { path, descriptor }))
    if (file === undefined) await this.#remove(digest)
    return file && proof && { file, proof }
  }

  /** Something in it is not what was verified: it is not served any more. */
  async reportDamaged(digest: Digest, reason: string): Promise<void> {
    if (!this.#blobs.has(digest)) return
    const identity = await identityOf(this.pathOf(digest))
    if (identity !== undefined) this.#bad.set(digest, identity)
    this.#init.onEvent({ type: 'damaged', digest, reason: `in ${this.#directory}: ${reason}` })
    await this.#remove(digest)
  }

  /** Looks for what is new and what is gone, in the background. */
  scan(): void {
    if (this.#scanning !== undefined) {
      this.#again = true
      return
    }
    this.#scanning = this.#scan()
      .catch((error) => this.#report(error))
      .finally(() => {
        this.#scanning = undefined
        if (this.#again && !this.#stopping.signal.aborted) this.scan()
      })
    this.#again = false
  }

  async #scan(): Promise<void> {
    const { signal } = this.#stopping
    const found = new Map<Digest, FileIdentity>()
    for await (const [digest, identity] of foreignFiles(this.#directory)) found.set(digest, identity)
    for (const digest of [...this.#blobs.keys()]) if (!found.has(digest)) await this.#remove(digest)
    for (const digest of this.#bad.keys()) if (!found.has(digest)) this.#bad.delete(digest)
    for (const [digest, identity] of found) {
      signal.throwIfAborted()
      if (this.#blobs.has(digest) || isSame(this.#bad.get(digest), identity)) continue
      if (await this.#isKnown(digest, identity)) await this.#add(digest, identity.size)
      else await this.#verify(digest, identity)
    }
  }

  async #verify(digest: Digest, identity: FileIdentity): Promise<void> {
    const { index, onEvent } = this.#init
    const { signal } = this.#stopping
    const startedAt = performance.now()
    const descriptor = await this.#describe(digest, identity.size)
    const path = this.pathOf(digest)
    const proof = await proveFile({ files: nodeFiles, path, descriptor, sync: false }, signal)
    if (!isSame(await identityOf(path), identity)) return // gone or replaced meanwhile: the next look tells
    if (proof === undefined) {
      this.#bad.set(digest, identity)
      const reason = `in ${this.#directory}: its content has another digest`
      onEvent({ type: 'damaged', digest, reason })
      return
    }
    await index.putForeign(descriptor, { identity, proof })
    await this.#add(digest, identity.size)
    await delay(Math.min(maxPauseMs, performance.now() - startedAt), undefined, { signal })
  }

  async #isKnown(digest: Digest, identity: FileIdentity): Promise<boolean> {
    return isSame(await this.#init.index.foreign.get(digest), identity)
  }

  async #add(digest: Digest, size: number): Promise<void> {
    if (this.#blobs.has(digest)) return
    this.#blobs.set(digest, await this.#describe(digest, size))
    this.#init.onAdded(digest)
  }

  async #remove(digest: Digest): Promise<void> {
    if (!this.#blobs.delete(digest)) return
    this.#init.onRemoved(digest)
    await this.#init.index.removeForeign(digest)
  }

  async #describe(digest: Digest, size: number): Promise<Descriptor> {
    const row = await this.#init.index.descriptors.get(digest)
    new ChunkLayout(size) // refuses what is no size of a blob
    return { digest, size, mediaType: row?.mediaType ?? unknownMediaType }
  }

  #watch(): void {
    for (const algorithm of ['sha256', 'sha512']) {
      try {
        const watcher = watch(join(this.#directory, 'blobs', algorithm), { persistent: false }, () => {
          this.#settling ??= setTimeout(() => {
            this.#settling = undefined
            this.scan()
          }, settleMs).unref()
        })
        watcher.on('error', (error) => this.#report(error))
        this.#watchers.push(watcher)
      } catch {
        // Not there yet, or no watches left: looking at intervals finds the same, later.
      }
    }
  }

  #report(error: unknown): void {
    if (this.#stopping.signal.aborted || error instanceof InvalidInputError) return
    this.#init.onEvent({ type: 'failed', operation: `looking into ${this.#directory}`, error })
  }
}

function isSame(one: FileIdentity | undefined, other: FileIdentity | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return one.size === other.size && one.modifiedAt === other.modifiedAt && one.inode === other.inode
}
