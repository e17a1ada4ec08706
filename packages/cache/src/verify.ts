import { createHash } from 'node:crypto'
import {
  type AbortOptions,
  type BlobStore,
  type Digest,
  digestAlgorithm,
  digestFromHash,
  type StoredBlob,
  StoreError,
} from '@shoal/content'

/** What reading all of a blob found. */
export interface VerifiedBlob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** What is wrong with it; undefined when nothing is. */
  readonly damage: string | undefined
}

interface VerifiableStore extends BlobStore {
  reportDamaged(digest: Digest, reason: string): Promise<void>
}

/** Reads complete blobs and compares each with its digest; what is damaged is taken out of use. */
export async function* verifyBlobs(
  blobs: VerifiableStore,
  options: AbortOptions & { readonly digests?: Iterable<Digest> } = {},
): AsyncGenerator<VerifiedBlob> {
  const { signal } = options
  const wanted = options.digests ?? (await Array.fromAsync(blobs.list({ signal }), ({ digest }) => digest))
  for (const digest of wanted) {
    signal?.throwIfAborted()
    if (!(await blobs.has(digest))) continue
    const blob = await blobs.open(digest, { signal })
    if (blob === undefined) {
      yield { digest, size: 0, damage: 'its file is gone, or another' }
      continue
    }
    const { size } = blob.descriptor
    try {
      const damage = await damageOf(blob, options)
      if (damage !== undefined) await blobs.reportDamaged(digest, damage)
      yield { digest, size, damage }
    } finally {
      await blob.close()
    }
  }
}

async function damageOf(blob: StoredBlob, { signal }: AbortOptions): Promise<string | undefined> {
  const { digest } = blob.descriptor
  const algorithm = digestAlgorithm(digest)
  const hash = createHash(algorithm)
  try {
    for await (const piece of blob.stream(undefined, { signal, borrow: true })) hash.update(piece)
  } catch (error) {
    if (error instanceof StoreError && error.fault === 'damaged') return error.message
    throw error
  }
  const actual = digestFromHash(algorithm, hash.digest())
  return actual === digest ? undefined : `its bytes have the digest ${actual}`
}
