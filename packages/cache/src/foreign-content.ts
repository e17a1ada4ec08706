import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ChunkLayout, type Descriptor, type Digest, type DigestAlgorithm, isDigest } from '@shoal/content'
import { proveFile } from './adopt-blob.ts'
import type { CheckedFile } from './blob-files.ts'
import { openWhole } from './blob-files.ts'
import type { CacheListener } from './cache-events.ts'
import type { BlobProof, CacheIndex } from './cache-index.ts'
import { nodeFiles } from './file-layer.ts'
import {
  algorithms,
  contentDirectory,
  type FileIdentity,
  foreignFiles,
  foreignPath,
  identityIn,
  identityOf,
  isSameFile,
} from './foreign-files.ts'
import { unknownMediaType } from './manifest-references.ts'
import { errorCode } from './store-errors.ts'

/** For what no notice comes of: a file system that gives none, a directory that appears later. */
const scanIntervalMs = 30_000
/** A pull makes many changes; looking once after them is enough. */
const settleMs = 100
/** After a blob was hashed, so long as that took, at most: whoever pulls goes first. */
const maxPauseMs = 1_000

interface VerifiedFile {
  readonly descriptor: Descriptor
  readonly identity: FileIdentity
}

interface Proven {
  readonly descriptor: Descriptor
  readonly proof: BlobProof
}

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
  readonly #blobs = new Map<Digest, VerifiedFile>()
  /** Files that are not what their name says, or can't be read, until they are replaced. */
  readonly #bad = new Map<Digest, FileIdentity>()
  readonly #stopping = new AbortController()
  readonly #watchers = new Map<DigestAlgorithm, FSWatcher>()
  #directory = ''
  /** Why looking failed the last time, told once. */
  #trouble: string | undefined
  #timer: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined
  #scanning: Promise<void> | undefined
  #again = false

  constructor(init: ForeignContentInit) {
    this.#init = init
  }

  /** Knows at once what was verified by an earlier run; what is new follows. Does not fail for what it can't read. */
  async start(): Promise<void> {
    try {
      this.#directory = await contentDirectory(this.#init.path)
      await this.#recall()
    } catch (error) {
      this.#report(error)
    }
    this.#timer = setInterval(() => this.scan(), scanIntervalMs).unref()
    this.scan()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the cache is stopped'))
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    for (const watcher of this.#watchers.values()) watcher.close()
    await this.#scanning
  }

  get(digest: Digest): Descriptor | undefined {
    return this.#blobs.get(digest)?.descriptor
  }

  list(): Descriptor[] {
    return Array.from(this.#blobs.values(), ({ descriptor }) => descriptor)
  }

  pathOf(digest: Digest): string {
    return foreignPath(this.#directory, digest)
  }

  /** Undefined when it is not there, or not any more. What is open stays readable when containerd removes it. */
  async open(digest: Digest): Promise<CheckedFile | undefined> {
    const known = this.#blobs.get(digest)
    if (known === undefined) return undefined
    const { descriptor, identity } = known
    const proof = await this.#init.index.foreignProofOf(descriptor)
    const path = this.pathOf(digest)
    const file = proof && (await openWhole(nodeFiles, { path, descriptor }))
    if (file !== undefined && proof !== undefined) {
      if (isSameFile(identityIn(await file.stats()), identity)) return { file, proof }
      await file.close()
    }
    await this.#remove(digest)
    this.scan() // another file may have its name
    return undefined
  }

  /** Something in it is not what was verified: from now on it is not served any more. */
  async reportDamaged(digest: Digest, reason: string): Promise<void> {
    const known = this.#blobs.get(digest)
    if (known === undefined) return
    this.#bad.set(digest, known.identity)
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
    this.#directory = await contentDirectory(this.#init.path) // containerd may be installed after us
    this.#watch()
    const found = new Map<Digest, FileIdentity>()
    for await (const [digest, identity] of foreignFiles(this.#directory)) found.set(digest, identity)
    this.#trouble = undefined
    for (const [digest, { identity }] of [...this.#blobs]) {
      if (!isSameFile(found.get(digest), identity)) await this.#remove(digest)
    }
    for (const digest of this.#bad.keys()) if (!found.has(digest)) this.#bad.delete(digest)
    for (const [digest, identity] of found) {
      signal.throwIfAborted()
      if (this.#blobs.has(digest) || isSameFile(this.#bad.get(digest), identity)) continue
      if (await this.#isKnown(digest, identity)) await this.#add(digest, identity)
      else {
        await this.#verify(digest, identity)
        // What is gone must be told of soon, also while much is left to hash.
        if (this.#again) return
      }
    }
  }

  async #verify(digest: Digest, identity: FileIdentity): Promise<void> {
    const { signal } = this.#stopping
    const startedAt = performance.now()
    const proven = await this.#prove(digest, identity)
    if (proven !== undefined) {
      await this.#init.index.putForeign(proven.descriptor, { identity, proof: proven.proof })
      await this.#add(digest, identity)
    }
    await delay(Math.min(maxPauseMs, performance.now() - startedAt), undefined, { signal })
  }

  /** Undefined for what is not what its name says, can't be read, or is gone or replaced meanwhile. */
  async #prove(digest: Digest, identity: FileIdentity): Promise<Proven | undefined> {
    const { signal } = this.#stopping
    const { onEvent } = this.#init
    try {
      const descriptor = await this.#describe(digest, identity.size)
      const path = this.pathOf(digest)
      const proof = await proveFile({ files: nodeFiles, path, descriptor, sync: false }, signal)
      if (!isSameFile(await identityOf(path), identity)) return undefined // the next look tells
      if (proof !== undefined) return { descriptor, proof }
      onEvent({ type: 'damaged', digest, reason: `in ${this.#directory}: its content has another digest` })
    } catch (error) {
      if (signal.aborted) throw error
      if (errorCode(error) === 'ENOENT') return undefined
      onEvent({ type: 'failed', operation: `reading ${digest} in ${this.#directory}`, error })
    }
    this.#bad.set(digest, identity) // told of once, and the others need not wait for it
    return undefined
  }

  /** What an earlier run verified; of what went while none ran, the rows go too. */
  async #recall(): Promise<void> {
    const { index } = this.#init
    const found = new Map<string, FileIdentity>()
    for await (const [digest, identity] of foreignFiles(this.#directory)) {
      found.set(digest, identity)
      if (await this.#isKnown(digest, identity)) await this.#add(digest, identity)
    }
    if (found.size === 0) return // perhaps not mounted yet
    for await (const key of index.foreign.keys()) {
      if (isDigest(key) && !found.has(key)) await index.removeForeign(key)
    }
  }

  async #isKnown(digest: Digest, identity: FileIdentity): Promise<boolean> {
    return isSameFile(await this.#init.index.foreign.get(digest), identity)
  }

  async #add(digest: Digest, identity: FileIdentity): Promise<void> {
    if (this.#blobs.has(digest)) return
    this.#blobs.set(digest, { descriptor: await this.#describe(digest, identity.size), identity })
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
    for (const algorithm of algorithms) {
      if (this.#watchers.has(algorithm)) continue
      try {
        const directory = join(this.#directory, 'blobs', algorithm)
        const watcher = watch(directory, { persistent: false }, () => this.#lookSoon())
        watcher.on('error', (error) => {
          this.#watchers.delete(algorithm)
          watcher.close()
          this.#report(error)
        })
        this.#watchers.set(algorithm, watcher)
      } catch {
        // Not there yet, or no watches left: looking at intervals finds the same, later.
      }
    }
  }

  #lookSoon(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined
      this.scan()
    }, settleMs).unref()
  }

  #report(error: unknown): void {
    const why = String(error)
    if (this.#stopping.signal.aborted || this.#trouble === why) return
    this.#trouble = why
    this.#init.onEvent({ type: 'failed', operation: `looking into ${this.#directory}`, error })
  }
}
