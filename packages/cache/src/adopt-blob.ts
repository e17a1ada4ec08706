import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import {
  ChunkLayout,
  type Descriptor,
  digestAlgorithm,
  digestFromHash,
  InvalidInputError,
  StoreError,
} from '@shoal/content'
import { BlobFile } from './blob-file.ts'
import { type CacheIndex, chunkHashBytes } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'

/**
 * Takes a file among the complete blobs of which the index says nothing that could be trusted: reads all of
 * it, and makes it a blob again if it has the digest of its name.
 *
 * @returns the chunk hashes; undefined when the content is another, and then file and rows are gone
 */
export async function adoptBlob(
  { directory, index }: { readonly directory: DataDirectory; readonly index: CacheIndex },
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { digest, size } = descriptor
  const isWhole = (await directory.blobSize(digest)) === size
  const hashes = isWhole ? await hashFile(directory.blob(digest), descriptor, signal) : undefined
  if (hashes === undefined) {
    await directory.removeBlob(digest)
    await index.removeBlob(digest)
  } else {
    await index.publish(descriptor, hashes)
  }
  return hashes
}

async function hashFile(
  path: string,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const file = new BlobFile(await open(path, 'r'), `blob ${descriptor.digest}`)
  try {
    const hashes = await hashChunks(file, descriptor, signal)
    await file.sync()
    return hashes
  } catch (error) {
    if (isNoBlob(error)) return undefined
    throw error
  } finally {
    await file.close()
  }
}

/** Bytes that the disk does not give back, and a size that no blob can have. */
function isNoBlob(error: unknown): boolean {
  return (error instanceof StoreError && error.fault === 'unreadable') || error instanceof InvalidInputError
}

async function hashChunks(
  file: BlobFile,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const layout = new ChunkLayout(size)
  const algorithm = digestAlgorithm(digest)
  const whole = createHash(algorithm)
  const hashes = new Uint8Array(layout.count * chunkHashBytes)
  const buffer = Buffer.allocUnsafeSlow(Math.min(layout.chunkLength, size))
  for (let index = 0; index < layout.count; index++) {
    signal?.throwIfAborted()
    const chunk = buffer.subarray(0, layout.lengthOf(index))
    await file.readInto(chunk, layout.rangeOf(index).start)
    hashes.set(createHash('sha256').update(chunk).digest(), index * chunkHashBytes)
    whole.update(chunk)
  }
  return digestFromHash(algorithm, whole.digest()) === digest ? hashes : undefined
}
