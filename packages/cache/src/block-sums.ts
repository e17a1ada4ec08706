import { crc32 } from 'node:zlib'

/** Divides the length of every chunk but the last. Small, since a range that begins in a block reads all of it. */
export const blockBytes = 256 * 1024
const sumBytes = 4

/**
 * CRC-32 of each block of a blob. Reading a blob checks them, which costs a third of what SHA-256 does: enough
 * against a disk that forgets or a file that is cut short. Against people there are the digests.
 */
export class BlockSums {
  readonly #size: number
  readonly #sums: DataView

  private constructor(size: number, bytes: Uint8Array) {
    this.#size = size
    this.#sums = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** @param size - of the blob, in bytes */
  static empty(size: number): BlockSums {
    return new BlockSums(size, new Uint8Array(Math.ceil(size / blockBytes) * sumBytes))
  }

  /** Undefined when these are not the sums of a blob of that size. */
  static fromBytes(size: number, bytes: Uint8Array): BlockSums | undefined {
    return bytes.length === Math.ceil(size / blockBytes) * sumBytes ? new BlockSums(size, bytes) : undefined
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#sums.buffer, this.#sums.byteOffset, this.#sums.byteLength)
  }

  /** `bytes` are whole blocks, the last of the blob aside, and begin where a block does. */
  set(position: number, bytes: Uint8Array): void {
    for (const [offset, block] of blocksOf(bytes)) {
      this.#sums.setUint32(((position + offset) / blockBytes) * sumBytes, crc32(block))
    }
  }

  /** Where the first block begins that is not what was {@link set}; undefined when all are. Bytes as there. */
  firstWrong(position: number, bytes: Uint8Array): number | undefined {
    for (const [offset, block] of blocksOf(bytes)) {
      const at = position + offset
      if (this.#sums.getUint32((at / blockBytes) * sumBytes) !== crc32(block)) return at
    }
    return undefined
  }

  /** The blocks that a range touches, as a range. */
  cover({ start, end }: { readonly start: number; readonly end: number }) {
    return {
      start: start - (start % blockBytes),
      end: Math.min(this.#size, Math.ceil(end / blockBytes) * blockBytes),
    }
  }
}

function* blocksOf(bytes: Uint8Array): Generator<[offset: number, block: Uint8Array]> {
  for (let offset = 0; offset < bytes.length; offset += blockBytes) {
    yield [offset, bytes.subarray(offset, offset + blockBytes)]
  }
}
