import { constants } from 'node:fs'
import { access, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  isDigest,
  parseDigest,
} from '@shoal/content'
import { type FileLayer, nodeFiles } from './file-layer.ts'
import { type LentFile, shareFile, shareLentFile } from './share-file.ts'
import { errorCode, storeError } from './store-errors.ts'

const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512']

/** The unit of `st_blocks`, whatever the file system's own is. */
const statBlockBytes = 512

/** Looked at together, so that a start with many blobs does not wait for each. */
const filesAtATime = 64

type Kind = 'blobs' | 'partial'

/** Something under the name of a digest. `size` is undefined when it is not a regular file. */
export interface DigestFile {
  readonly digest: Digest
  readonly size: number | undefined
  /** Bytes that it takes: less than its size where it has holes. */
  readonly diskBytes: number
  /** When it was last written, in milliseconds since the epoch. */
  readonly modifiedAt: number
}

/** Where things are: the index, complete blobs (laid out as in an OCI image layout) and partial ones. */
export class DataDirectory {
  readonly path: string
  readonly files: FileLayer

  private constructor(path: string, files: FileLayer) {
    this.path = path
    this.files = files
  }

  /**
   * Creates what is missing.
   *
   * @throws StoreError `not-writable`, `disk-full`
   */
  static async prepare(path: string, files: FileLayer = nodeFiles): Promise<DataDirectory> {
    const directory = new DataDirectory(resolve(path), files)
    try {
      for (const each of directory.#directories()) {
        await makeDirectory(each)
        await access(each, constants.R_OK | constants.W_OK | constants.X_OK)
      }
      await directory.#checkOneFileSystem()
    } catch (cause) {
      throw storeError(`preparing data directory ${directory.path}`, cause, 'not-writable')
    }
    return directory
  }

  get index(): string {
    return join(this.path, 'index')
  }

  blob(digest: Digest): string {
    return this.#file('blobs', digest)
  }

  partial(digest: Digest): string {
    return this.#file('partial', digest)
  }

  /** Of a blob whose digest is not known yet. */
  upload(name: string): string {
    return join(this.path, 'uploads', name)
  }

  /** Uploads end with the process that took them. */
  async removeUploads(): Promise<void> {
    const parent = join(this.path, 'uploads')
    for (const name of await readdir(parent)) await this.#remove(join(parent, name))
  }

  /** What lies among the complete blobs. Names that are no digest are not ours, and left alone. */
  blobFiles(): AsyncIterable<DigestFile> {
    return this.#files('blobs')
  }

  partialFiles(): AsyncIterable<DigestFile> {
    return this.#files('partial')
  }

  /** Size of a complete blob's file, or undefined when there is no regular file. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    return (await lookAt(this.blob(digest)))?.size
  }

  async hasSize(path: string, bytes: number): Promise<boolean> {
    return (await lookAt(path))?.size === bytes
  }

  async removeBlob(digest: Digest): Promise<void> {
    await this.#remove(this.blob(digest))
  }

  async removePartial(digest: Digest): Promise<void> {
    await this.#remove(this.partial(digest))
  }

  /** Makes the names of an algorithm's complete blobs survive a power loss. */
  async syncBlobNames(algorithm: DigestAlgorithm): Promise<void> {
    await this.files.syncDirectory(join(this.path, 'blobs', algorithm))
  }

  /** Makes an upload a partial blob that is filled already. */
  async finishUpload(path: string, digest: Digest): Promise<void> {
    await this.files.rename(path, this.partial(digest))
  }

  /** Makes a blob that was filled a complete one, or takes that back. */
  async finishPartial(digest: Digest): Promise<void> {
    await this.files.rename(this.partial(digest), this.blob(digest))
  }

  /** Puts a file of another content store among the partial blobs, on the disk: as a clone, a hard link, or else a copy. */
  async linkPartial(digest: Digest, from: string): Promise<void> {
    const path = this.partial(digest)
    try {
      await this.files.remove(path)
      await shareFile(from, path)
      const handle = await this.files.open(path, constants.O_RDONLY)
      try {
        await handle.datasync()
      } finally {
        await handle.close()
      }
    } catch (cause) {
      throw storeError(`taking in blob ${digest} from ${from}`, cause, 'not-writable')
    }
  }

  /** Makes somebody's file an upload without its bytes being written. False, and nothing there, where that can't be. */
  async shareUpload(path: string, file: LentFile): Promise<boolean> {
    try {
      return (await shareLentFile(file, path)) !== undefined
    } catch (cause) {
      throw storeError(`taking in ${file.from}`, cause, 'not-writable')
    }
  }

  /** A complete blob that needs filling again. */
  async reopenBlob(digest: Digest): Promise<void> {
    await this.files.rename(this.blob(digest), this.partial(digest))
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.files.remove(path)
    } catch (cause) {
      throw storeError(`removing ${path}`, cause, 'not-writable')
    }
  }

  /** Parses again what the type promises: this is the last place that can keep a path inside the directory. */
  #file(kind: Kind, digest: Digest): string {
    const checked = parseDigest(digest)
    return join(this.path, kind, digestAlgorithm(checked), digestHex(checked))
  }

  async *#files(kind: Kind): AsyncGenerator<DigestFile> {
    for (const algorithm of algorithms) {
      const parent = join(this.path, kind, algorithm)
      const names = (await readdir(parent)).filter((name) => isDigest(`${algorithm}:${name}`))
      for (let done = 0; done < names.length; done += filesAtATime) {
        const some = names.slice(done, done + filesAtATime)
        const found = await Promise.all(some.map((name) => lookAt(join(parent, name))))
        for (const [at, file] of found.entries()) {
          if (file !== undefined) yield { digest: parseDigest(`${algorithm}:${some[at]}`), ...file }
        }
      }
    }
  }

  *#directories(): Generator<string> {
    yield this.path
    yield this.index
    yield join(this.path, 'uploads')
    for (const kind of ['blobs', 'partial']) {
      for (const algorithm of algorithms) yield join(this.path, kind, algorithm)
    }
  }

  /** A finished blob is renamed into place, which works inside one file system only. */
  async #checkOneFileSystem(): Promise<void> {
    for (const algorithm of algorithms) {
      const [blobs, partial] = await Promise.all([
        stat(join(this.path, 'blobs', algorithm)),
        stat(join(this.path, 'partial', algorithm)),
      ])
      if (blobs.dev !== partial.dev) throw new Error('blobs and partial are on different file systems')
    }
  }
}

/** Undefined when there is nothing. */
async function lookAt(path: string): Promise<Omit<DigestFile, 'digest'> | undefined> {
  try {
    const stats = await lstat(path)
    const size = stats.isFile() ? stats.size : undefined
    return { size, diskBytes: stats.blocks * statBlockBytes, modifiedAt: Math.floor(stats.mtimeMs) }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw storeError(`looking at ${path}`, error, 'unreadable')
  }
}

/**
 * `mkdir -p`, for this user alone: there are private images in it. Not `mkdir({ recursive: true })`: below /proc that never returns (Node 24), because there the
 * parent exists and creating the child still fails with ENOENT.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await makeLeaf(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await makeLeaf(path)
  }
}

async function makeLeaf(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    if (!(await stat(path)).isDirectory()) throw new Error(`${path} is not a directory`, { cause: error })
  }
}
