import { rm } from 'node:fs/promises'
import {
  type AbortOptions,
  type BlobStore,
  type Digest,
  type MetadataStore,
  StoreError,
  type UploadStore,
} from '@shoal/content'
import type { LentBlob } from './blob-intake.ts'
import { BlobListeners } from './blob-listeners.ts'
import { FileBlobStore } from './blob-store.ts'
import type { CacheListener } from './cache-events.ts'
import { CacheIndex } from './cache-index.ts'
import { DataDirectory } from './data-directory.ts'
import { type FileLayer, nodeFiles } from './file-layer.ts'
import { ForeignContent } from './foreign-content.ts'
import { ImageCatalog } from './image-catalog.ts'
import { LastUse } from './last-use.ts'
import { loadResidents } from './load-residents.ts'
import { LevelMetadataStore } from './metadata-store.ts'
import { type Recovery, recover } from './recover.ts'
import { SharedBlobs } from './shared-blobs.ts'
import type { SpaceAmount } from './space-amount.ts'
import { type BlobToStore, storeBlob } from './store-blob.ts'
import { errorCode } from './store-errors.ts'
import { UploadSpool } from './upload-spool.ts'
import { type VerifiedBlob, verifyBlobs } from './verify.ts'

export interface CacheInit {
  /** Created if it does not exist. Belongs to one process at a time. */
  readonly dataDir: string
  /** What blobs, complete and partial, may take together; the least recently used give way. @default unlimited */
  readonly quota?: SpaceAmount | undefined
  /** What the file system of the data directory keeps free; blobs give way for it. @default none */
  readonly minFree?: SpaceAmount | undefined
  /** containerd's content store, or its root: blobs in it are served from there, and not kept twice. @default none */
  readonly containerdContent?: string | undefined
  readonly onEvent?: CacheListener | undefined
  /** Milliseconds since the epoch. @default Date.now */
  readonly now?: () => number
  /** Gives up the opening, which takes long only when many blobs must be hashed again. */
  readonly signal?: AbortSignal
}

export interface Cache {
  readonly blobs: BlobStore
  readonly metadata: MetadataStore
  readonly images: ImageCatalog
  /** For what comes without its digest. */
  readonly uploads: UploadStore
  readonly recovery: CacheRecovery
  /** What blobs take on the disk, in bytes: complete ones and what is there of others. */
  usedBytes(): number
  /**
   * Stores a blob that did not come by a pull, as {@link storeBlob} does, and tells those who listen with
   * {@link BlobStore.onAdded}.
   */
  import(blob: BlobToStore, options?: AbortOptions): Promise<void>
  /**
   * {@link import} of a file without its bytes being written: by a clone, or a hard link where that is allowed. False
   * when they have to be copied, or are not those of the blob: {@link import} does the one and tells the other.
   *
   * @throws StoreError
   */
  importFile(blob: LentBlob, options?: AbortOptions): Promise<boolean>
  /**
   * Reads complete blobs, all without `digests`, and compares each with its digest. What is damaged is taken out of
   * use, to be fetched again.
   */
  verify(options?: AbortOptions & { readonly digests?: Iterable<Digest> }): AsyncIterable<VerifiedBlob>
  /** Closes every blob that is still open, then the index. */
  stop(): Promise<void>
}

/** What opening had to put right, for the log. Nothing, after a clean stop. */
export interface CacheRecovery extends Recovery {
  /** The index was damaged beyond reading, and was made anew from the blobs. Tags and partial blobs are lost. */
  readonly indexRebuilt: boolean
}

/** Of what lies in the data directory. A change that an older Shoal would misread takes the next number. */
const formatVersion = 1

interface Opened {
  readonly index: CacheIndex
  readonly recovery: Recovery
}

/**
 * Opens the content store.
 *
 * @throws StoreError `not-writable` for a directory that can't be written or was written by a newer Shoal; `in-use`
 *   for another process's; `disk-full`; `unreadable`
 */
export async function openCache(init: CacheInit): Promise<Cache> {
  return openCacheOn(nodeFiles, init)
}

/** {@link openCache} on a file layer of one's own: for tests. */
export async function openCacheOn(files: FileLayer, init: CacheInit): Promise<Cache> {
  const { now = Date.now, onEvent = () => undefined, signal, quota, minFree } = init
  signal?.throwIfAborted()
  const directory = await DataDirectory.prepare(init.dataDir, files)
  const { index, recovery } = await openOrRebuild(directory, signal)
  await directory.removeUploads()
  const residents = await loadResidents({ directory, index })
  const lastUse = new LastUse(index, now)
  const listeners = new BlobListeners()
  const foreign =
    init.containerdContent === undefined
      ? undefined
      : new ForeignContent({
          path: init.containerdContent,
          index,
          onEvent,
          onAdded: (digest) => shared?.foreignAdded(digest),
          onRemoved: (digest) => shared?.foreignRemoved(digest),
        })
  const find = (digest: Digest) => residents.get(digest) ?? foreign?.get(digest)
  const remove = (digests: Iterable<Digest>) => blobs.removeUnused(digests)
  const images = new ImageCatalog({ index, residents, find, now, remove })
  const pinned = () => images.pinned()
  const common = { directory, residents, listeners, pinned, onEvent }
  const blobs = new FileBlobStore({ ...common, index, lastUse, quota, minFree, foreign, now })
  const shared = foreign && new SharedBlobs({ ...common, foreign, blobs })
  blobs.start()
  await foreign?.start()
  shared?.start()
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    try {
      await shared?.stop()
      await foreign?.stop()
      await blobs.stop()
    } finally {
      await lastUse.stop()
      await index.close()
    }
  }
  return {
    blobs,
    metadata: new LevelMetadataStore(index, now),
    images,
    uploads: new UploadSpool(directory, blobs),
    recovery,
    usedBytes: () => residents.ownBytes,
    async import(blob, options) {
      await storeBlob(blobs, blob, options)
      listeners.added(blob.descriptor.digest)
    },
    importFile: (blob, options) => blobs.share(blob, options),
    verify: (options) => verifyBlobs(blobs, options),
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

/** A damaged index costs tags and partial blobs. Complete blobs prove by their content what they are. */
async function openOrRebuild(
  directory: DataDirectory,
  signal: AbortSignal | undefined,
): Promise<{ index: CacheIndex; recovery: CacheRecovery }> {
  try {
    const { index, recovery } = await openIndex(directory, signal)
    return { index, recovery: { ...recovery, indexRebuilt: false } }
  } catch (error) {
    if (!isCorruption(error)) throw indexError(directory, error)
  }
  await rm(directory.index, { recursive: true })
  await DataDirectory.prepare(directory.path)
  try {
    const { index, recovery } = await openIndex(directory, signal)
    return { index, recovery: { ...recovery, indexRebuilt: true } }
  } catch (error) {
    throw indexError(directory, error)
  }
}

async function openIndex(directory: DataDirectory, signal: AbortSignal | undefined): Promise<Opened> {
  const index = await CacheIndex.open(directory.index)
  try {
    await checkVersion(directory, index)
    return { index, recovery: await recover({ directory, index, signal }) }
  } catch (error) {
    await index.close()
    throw error
  }
}

async function checkVersion(directory: DataDirectory, index: CacheIndex): Promise<void> {
  const version = (await index.meta.get('version')) ?? formatVersion
  if (version > formatVersion) {
    throw new StoreError(
      'not-writable',
      `data directory ${directory.path} was written by a newer Shoal (version ${version}, this one knows ${formatVersion}): upgrade Shoal, or choose another data directory`,
    )
  }
  await index.commit([index.meta.put('version', formatVersion)])
}

function indexError(directory: DataDirectory, cause: unknown): unknown {
  const code = errorCode(cause)
  if (code === 'LEVEL_LOCKED') {
    return new StoreError(
      'in-use',
      `data directory ${directory.path} is in use by another process: stop it, or choose another data directory`,
      { cause },
    )
  }
  if (!code?.startsWith('LEVEL_')) return cause
  const why = cause instanceof Error ? cause.message : code
  // LevelDB gives the system's reason as text only.
  if (/no space left|quota exceeded/i.test(why)) {
    return new StoreError(
      'disk-full',
      `opening the index ${directory.index} failed: ${why}; free some space`,
      {
        cause,
      },
    )
  }
  return new StoreError(
    'unreadable',
    `opening the index ${directory.index} failed: ${why}; if that does not pass, delete that directory, and it is made anew from the blobs`,
    { cause },
  )
}

/**
 * The index is damaged, and not only out of reach. Files of it that are missing or too short LevelDB reports as
 * errors of the system: by text, as it has no other way.
 */
function isCorruption(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error
  const code = errorCode(cause)
  if (code === 'LEVEL_CORRUPTION') return true
  const text = cause instanceof Error ? cause.message : ''
  return code === 'LEVEL_IO_ERROR' && /No such file or directory|Invalid argument/.test(text)
}
