import type { ByteRange } from './byte-range.ts'
import { InvalidInputError } from './errors.ts'

const minChunkBytes = 256 * 1024
const maxChunkBytes = 4 * 1024 * 1024
/** Swarms come close to their bound with 64-256 chunks a blob (Mundinger et al., 2008), the closer the more: a chunk spreads hop by hop. */
const chunksAimedAt = 1_024
/** Larger than any layer seen in the field, and small enough that a chunk index fits 32 bits. */
const maxBlobBytes = 2 ** 42

/**
 * How a blob of a given size is cut into chunks. A function of the size alone, so that all nodes agree
 * without a word: chunks of one power-of-two length, the last one shorter.
 */
export class ChunkLayout {
  readonly size: number
  readonly chunkLength: number
  /** Number of chunks; an empty blob has none. */
  readonly count: number

  /** @throws InvalidInputError `SIZE_INVALID` unless size is an integer from 0 to 4 TiB */
  constructor(size: number) {
    if (!Number.isSafeInteger(size) || size < 0 || size > maxBlobBytes) {
      throw new InvalidInputError('SIZE_INVALID', `a blob of ${size} bytes: expected 0 to ${maxBlobBytes}`)
    }
    this.size = size
    this.chunkLength = chunkLengthFor(size)
    this.count = Math.ceil(size / this.chunkLength)
  }

  /** Bytes that chunk `index` covers. */
  rangeOf(index: number): ByteRange {
    const start = index * this.chunkLength
    return { start, end: Math.min(start + this.chunkLength, this.size) }
  }

  /** Length of chunk `index` in bytes. */
  lengthOf(index: number): number {
    const { start, end } = this.rangeOf(index)
    return end - start
  }

  /** The chunk that holds byte `offset`. */
  indexAt(offset: number): number {
    return Math.floor(offset / this.chunkLength)
  }
}

function chunkLengthFor(size: number): number {
  let length = minChunkBytes
  while (length < maxChunkBytes && length * chunksAimedAt < size) length *= 2
  return length
}
