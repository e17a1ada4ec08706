import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import {
  ChunkLayout,
  type Descriptor,
  digestAlgorithm,
  digestFromHash,
  InvalidInputError,
  StoreError,
} from '@shoal/content'
import { BlobFile } from './blob-file.ts'
import { BlockSums } from './block-sums.ts'
import { type BlobProof, type CacheIndex, chunkHashBytes } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'
import type { FileLayer } from './file-layer.ts'
import { mayBeManifest, referencesIn } from './manifest-references.ts'

/**
 * Takes a file among the complete blobs of which the index says nothing that could be trusted: reads all of
 * it, and makes it a blob again if it has the digest of its name.
 *
 * @returns how to check it; undefined when the content is another, and then file and rows are gone
 */
export async function adoptBlob(
  { directory, index }: { readonly directory: DataDirectory; readonly index: CacheIndex },
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<BlobProof | undefined> {
  const { digest, size } = descriptor
  const isWhole = (await directory.blobSize(digest)) === size
  const path = directory.blob(digest)
  const proof = isWhole
    ? await proveFile({ files: directory.files, path, descriptor, sync: true }, signal)
    : undefined
  if (proof === undefined) {
    await directory.removeBlob(digest)
    await index.removeBlob(digest)
  } else {
    await index.publish(descriptor, proof)
  }
  return proof
}

interface FileToProve {
  readonly files: FileLayer
  readonly path: string
  readonly descriptor: Descriptor
  /** Puts it on the disk, as it may have been written just before a crash. */
  readonly sync: boolean
}

/** Reads all of a file; undefined unless it has the digest. */
export async function proveFile(
  { files, path, descriptor, sync }: FileToProve,
  signal?: AbortSignal,
): Promise<BlobProof | undefined> {
  const file = new BlobFile(await files.open(path, constants.O_RDONLY), `blob ${descriptor.digest}`)
  try {
    const proof = await hashChunks(file, descriptor, signal)
    if (proof !== undefined && sync) await file.sync()
    if (proof === undefined || !mayBeManifest(descriptor)) return proof
    return { ...proof, references: referencesIn(await file.read({ start: 0, end: descriptor.size })) }
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
): Promise<BlobProof | undefined> {
  const layout = new ChunkLayout(size)
  const algorithm = digestAlgorithm(digest)
  const whole = createHash(algorithm)
  const hashes = new Uint8Array(layout.count * chunkHashBytes)
  const sums = BlockSums.empty(size)
  const buffer = Buffer.allocUnsafeSlow(Math.min(layout.chunkLength, size))
  for (let index = 0; index < layout.count; index++) {
    signal?.throwIfAborted()
    const chunk = buffer.subarray(0, layout.lengthOf(index))
    const { start } = layout.rangeOf(index)
    await file.readInto(chunk, start)
    sums.set(start, chunk)
    hashes.set(createHash('sha256').update(chunk).digest(), index * chunkHashBytes)
    whole.update(chunk)
  }
  return digestFromHash(algorithm, whole.digest()) === digest ? { hashes, sums } : undefined
}
