import { createHash } from 'node:crypto'
import {
  type AbortOptions,
  type BlobStore,
  type Descriptor,
  InvalidInputError,
  type PartialBlob,
} from '@shoal/content'

export interface BlobToStore {
  readonly descriptor: Descriptor
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * Stores a blob that comes as one stream, from its beginning. Does nothing when it is there already.
 *
 * @throws DigestMismatchError when the bytes have another digest, InvalidInputError `BLOB_INVALID` when they have
 *   another length, StoreError; then nothing of it is kept
 */
export async function storeBlob(
  blobs: BlobStore,
  { descriptor, bytes }: BlobToStore,
  options?: AbortOptions,
): Promise<void> {
  const { digest } = descriptor
  if (await blobs.has(digest)) return
  const partial = await blobs.openPartial(descriptor, options)
  let done = false
  try {
    await partial.drop([...partial.held]) // of whoever left them, perhaps wrong
    await writeChunks(partial, bytes, options)
    await partial.complete(options)
    done = true
  } finally {
    await partial.close()
    if (!done) await blobs.delete(digest)
  }
}

async function writeChunks(
  partial: PartialBlob,
  bytes: AsyncIterable<Uint8Array>,
  options: AbortOptions | undefined,
): Promise<void> {
  const { layout, descriptor } = partial
  const chunk = Buffer.allocUnsafeSlow(layout.count === 0 ? 0 : layout.lengthOf(0))
  let filled = 0
  let received = 0
  let index = 0
  for await (const piece of bytes) {
    options?.signal?.throwIfAborted()
    received += piece.length
    if (received > descriptor.size) throw wrongLength(descriptor, 'more')
    for (let taken = 0; taken < piece.length; ) {
      const length = Math.min(layout.lengthOf(index) - filled, piece.length - taken)
      chunk.set(piece.subarray(taken, taken + length), filled)
      taken += length
      filled += length
      if (filled < layout.lengthOf(index)) continue
      const whole = chunk.subarray(0, filled)
      await partial.write(index, whole, createHash('sha256').update(whole).digest())
      index++
      filled = 0
    }
  }
  if (received < descriptor.size) throw wrongLength(descriptor, `only ${received}`)
}

function wrongLength({ digest, size }: Descriptor, got: string): InvalidInputError {
  return new InvalidInputError('BLOB_INVALID', `blob ${digest} should have ${size} bytes, but ${got} came`)
}
