import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { ChunkLayout, type Descriptor, type Digest } from '@shoal/content'
import { BlobFile } from './blob-file.ts'
import type { CacheIndex } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'
import type { OpenFile } from './file-layer.ts'
import type { Operation } from './index-database.ts'
import { FilePartial, type FilePartialInit } from './partial-blob.ts'
import { errorCode, storeError } from './store-errors.ts'

export interface OpenPartialInit extends Omit<FilePartialInit, 'file'> {
  readonly directory: DataDirectory
  readonly signal?: AbortSignal
}

/** Opens a blob for filling, with the chunks that an earlier owner left and that are still what they were. */
export async function openFilePartial({ directory, signal, ...init }: OpenPartialInit): Promise<FilePartial> {
  const { descriptor, index } = init
  const { digest, size, mediaType } = descriptor
  const { count } = new ChunkLayout(size) // refuses a size that is none, before anything is created
  const row = await index.partials.get(digest)
  if (row?.size !== size) {
    await index.removePartial(digest)
    await directory.removePartial(digest)
  }
  const file = await openSparse(directory, descriptor)
  try {
    await index.commit([index.partials.put(digest, { size, mediaType })])
    const partial = new FilePartial({ ...init, file })
    if (count > 0) await resumeChunks({ partial, file, index, signal })
    return partial
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Full size at once, so that any chunk has its place; a file system gives blocks to what is written only. */
async function openSparse(directory: DataDirectory, { digest, size }: Descriptor): Promise<BlobFile> {
  const doing = `creating the file of partial blob ${digest}`
  try {
    const handle = await openUnshared(directory, digest)
    try {
      await handle.truncate(size)
    } catch (error) {
      await handle.close()
      throw error
    }
    return new BlobFile(handle, `partial blob ${digest}`)
  } catch (cause) {
    throw storeError(doing, cause, 'not-writable')
  }
}

/**
 * A file that has another name too, in somebody else's directory, is not for us to write, nor is one that came from there
 * read-only: we begin a new one.
 */
async function openUnshared(directory: DataDirectory, digest: Digest): Promise<OpenFile> {
  const flags = constants.O_RDWR | constants.O_CREAT
  const open = () => directory.files.open(directory.partial(digest), flags)
  const handle = await unlessDenied(open)
  if (handle !== undefined && (await handle.stat()).nlink === 1) return handle
  await handle?.close()
  await directory.removePartial(digest)
  return open()
}

async function unlessDenied<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task()
  } catch (error) {
    if (errorCode(error) === 'EACCES') return undefined
    throw error
  }
}

/** A power loss may keep a mark and lose the bytes, so each marked chunk is read and hashed again. */
async function resumeChunks(init: {
  readonly partial: FilePartial
  readonly file: BlobFile
  readonly index: CacheIndex
  readonly signal: AbortSignal | undefined
}): Promise<void> {
  const { partial, file, index, signal } = init
  const { layout, descriptor } = partial
  const buffer = Buffer.allocUnsafeSlow(layout.lengthOf(0))
  const wrong: Operation[] = []
  for await (const { index: chunk, hash } of index.marks(descriptor.digest)) {
    signal?.throwIfAborted()
    const inBlob = chunk < layout.count
    const bytes = buffer.subarray(0, inBlob ? layout.lengthOf(chunk) : 0)
    if (inBlob) await file.readInto(bytes, layout.rangeOf(chunk).start)
    if (inBlob && hash !== undefined && hashes(bytes, hash)) partial.resume(chunk, bytes, hash)
    else wrong.push(index.unmark(descriptor.digest, chunk))
  }
  if (wrong.length > 0) await index.commit(wrong)
}

function hashes(bytes: Uint8Array, hash: Uint8Array): boolean {
  return createHash('sha256').update(bytes).digest().equals(hash)
}
