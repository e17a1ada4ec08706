import { createHash, type Hash, randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { type AbortOptions, type Descriptor, digestFromHash, digestHex } from '@shoal/content'
import type { PlannedLayer } from './layer-plan.ts'
import { tarStream } from './tar-stream.ts'

/** A layer as it stands in the layout. */
export interface WrittenLayer {
  readonly title: string
  /** Of the compressed layer: what registries and clients handle. */
  readonly descriptor: Descriptor
  /** Digest of the uncompressed archive, for the image's config. */
  readonly diffId: string
}

/** Thousands of small files come in thousands of small pieces; each one through gzip costs a thread's round trip. */
const pieceBytes = 1024 * 1024

/** Archives, compresses and hashes a layer in one pass, and puts it into the layout under its digest. */
export async function writeLayer(
  { title, entries }: PlannedLayer,
  blobsDir: string,
  options: AbortOptions = {},
): Promise<WrittenLayer> {
  const draft = join(blobsDir, `draft-${randomBytes(6).toString('hex')}`)
  const plain = createHash('sha256')
  const packed = createHash('sha256')
  const count = { bytes: 0 }
  await pipeline(
    inPieces(tarStream(entries)),
    (source: AsyncIterable<Uint8Array>) => hashing(source, plain, { bytes: 0 }),
    createGzip({ level: constants.Z_BEST_SPEED }),
    (source: AsyncIterable<Uint8Array>) => hashing(source, packed, count),
    createWriteStream(draft),
    { signal: options.signal },
  )
  const digest = digestFromHash('sha256', packed.digest())
  await rename(draft, join(blobsDir, digestHex(digest)))
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  return {
    title,
    descriptor: { mediaType, digest, size: count.bytes },
    diffId: digestFromHash('sha256', plain.digest()),
  }
}

async function* hashing(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
  count: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    hash.update(bytes)
    count.bytes += bytes.length
    yield bytes
  }
}

async function* inPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let length = 0
  for await (const bytes of source) {
    held.push(bytes)
    length += bytes.length
    if (length < pieceBytes) continue
    yield Buffer.concat(held, length)
    held = []
    length = 0
  }
  yield Buffer.concat(held, length)
}
