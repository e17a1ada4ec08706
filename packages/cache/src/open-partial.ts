import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { ChunkLayout, type Descriptor } from '@shoal/content'
import { BlobFile } from './blob-file.ts'
import type { CacheIndex } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'
import type { FileLayer, OpenFile } from './file-layer.ts'
import type { Operation } from './index-database.ts'
import { FilePartial, type FilePartialInit } from './partial-blob.ts'
import { errorCode, storeError } from './store-errors.ts'

export interface OpenPartialInit extends Omit<FilePartialInit, 'file' | 'opened'> {
  readonly directory: DataDirectory
  readonly signal?: AbortSignal
}

/** Opens a blob for filling, with the chunks that an earlier owner left and that are still what they were. */
export async function openFilePartial({ directory, signal, ...init }: OpenPartialInit): Promise<FilePartial> {
  const { descriptor, index } = init
  const { digest, size, mediaType } = descriptor
  const { count } = new ChunkLayout(size) // refuses a size that is none, before anything is created
  const row = await index.partials.get(digest)
  const isLeft = row?.size === size
  if (row !== undefined && !isLeft) await index.removePartial(digest)
  const file = await openSparse(directory, descriptor, { isLeft })
  // Not waited for: it may be behind a sync of another blob, and the first chunk's mark comes after it in any case.
  const opened = index.commit([index.partials.put(digest, { size, mediaType })])
  opened.catch(() => undefined) // the first write throws it; where nothing is left to write, completing commits anew
  try {
    const partial = new FilePartial({ ...init, file, opened })
    if (isLeft && count > 0) await resumeChunks({ partial, file, index, signal })
    return partial
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Full size at once, so that any chunk has its place; a file system gives blocks to what is written only. */
async function openSparse(
  directory: DataDirectory,
  { digest, size }: Descriptor,
  { isLeft }: { readonly isLeft: boolean },
): Promise<BlobFile> {
  const path = directory.partial(digest) // refuses a digest that is none
  const doing = `creating the file of partial blob ${digest}`
  try {
    const handle = await (isLeft ? openUnshared : create)(path, directory.files)
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

/** Most blobs are new, and then there is nothing to remove. */
async function create(path: string, files: FileLayer): Promise<OpenFile> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
  const open = () => files.open(path, flags)
  const handle = await unless('EEXIST', open)
  if (handle !== undefined) return handle
  await files.remove(path)
  return open()
}

/**
 * A file that has another name too, in somebody else's directory, is not for us to write, nor is one that came from there
 * read-only: we begin a new one.
 */
async function openUnshared(path: string, files: FileLayer): Promise<OpenFile> {
  const flags = constants.O_RDWR | constants.O_CREAT
  const open = () => files.open(path, flags)
  const handle = await unless('EACCES', open)
  if (handle !== undefined && (await handle.stat()).nlink === 1) return handle
  await handle?.close()
  await files.remove(path)
  return open()
}

async function unless<T>(code: string, task: () => Promise<T>): Promise<T | undefined> {
  try {
    return await task()
  } catch (error) {
    if (errorCode(error) === code) return undefined
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
