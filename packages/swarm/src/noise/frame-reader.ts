import { InvalidInputError } from '@shoal/content'
import { BufferPool } from './buffer-pool.ts'
import type { CipherState } from './cipher-state.ts'
import { tagBytes } from './noise-frame.ts'

const maxFrameBytes = 0xffff
/** For frames that come in parts, of all connections: on a slow line that is every frame. */
const frames = new BufferPool(maxFrameBytes)

/**
 * Takes frames apart as their bytes come in. A frame that is all there is decrypted from where the transport put it;
 * of one that is not, the part that is there is copied. Holds less than one frame between calls.
 */
export class FrameReader {
  readonly #cipher: CipherState
  /** The first byte of a length whose second has not come. */
  #lengthStart: number | undefined
  /** Ciphertext of the frame that is coming in. */
  #frame: Buffer | undefined
  #frameBytes = 0
  #filled = 0

  constructor(cipher: CipherState) {
    this.#cipher = cipher
  }

  /**
   * Takes the next bytes of the connection, and keeps no reference to them. Returns the plaintext of the frames that
   * they complete.
   *
   * @throws InvalidInputError `PROTOCOL` for what can't be a frame
   * @throws Error of node:crypto for a frame that is not what was sent
   */
  read(bytes: Uint8Array): Uint8Array[] {
    const plaintext: Uint8Array[] = []
    let offset = 0
    while (offset < bytes.byteLength) {
      if (this.#frame === undefined) {
        const first = this.#lengthStart ?? (bytes[offset++] as number)
        const second = bytes[offset]
        if (second === undefined) {
          this.#lengthStart = first
          break
        }
        offset++
        this.#lengthStart = undefined
        const length = first * 256 + second
        if (length < tagBytes) {
          throw new InvalidInputError('PROTOCOL', `a Noise frame of ${length} bytes has no tag`)
        }
        if (offset + length <= bytes.byteLength) {
          plaintext.push(this.#cipher.open(bytes.subarray(offset, offset + length)))
          offset += length
          continue
        }
        this.#frame = frames.take()
        this.#frameBytes = length
        this.#filled = 0
      }
      const part = bytes.subarray(offset, offset + this.#frameBytes - this.#filled)
      this.#frame.set(part, this.#filled)
      this.#filled += part.length
      offset += part.length
      if (this.#filled === this.#frameBytes) {
        plaintext.push(this.#cipher.open(this.#frame.subarray(0, this.#frameBytes)))
        frames.release([this.#frame])
        this.#frame = undefined
      }
    }
    return plaintext
  }
}
