import {
  type CipherChaCha20Poly1305Types,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
} from 'node:crypto'
import { ShoalError } from '@shoal/content'
import { tagBytes } from './noise-frame.ts'

const algorithm: CipherChaCha20Poly1305Types = 'chacha20-poly1305'
const options = { authTagLength: tagBytes }
const nonceBytes = 12
/** libp2p-noise gives up here as well. At 64 KiB a frame that is after 256 TiB. */
export const maxFrames = 2 ** 32

/**
 * One direction of a connection after the handshake: its key, and the number of the next frame, which is the nonce
 * (CipherState in the Noise specification, section 5.1).
 */
export class CipherState {
  readonly #key: KeyObject
  readonly #nonce = Buffer.alloc(nonceBytes)
  #frames: number

  /** `frames` have passed already. */
  constructor(key: Uint8Array, frames = 0) {
    this.#key = createSecretKey(key)
    this.#frames = frames
  }

  /**
   * Encrypts the pieces of one frame into `target`, and puts the tag after them.
   *
   * @throws ShoalError `NOISE_EXHAUSTED`
   */
  seal(pieces: Iterable<Uint8Array>, target: Uint8Array): void {
    const cipher = createCipheriv(algorithm, this.#key, this.#nextNonce(), options)
    let filled = 0
    for (const piece of pieces) {
      const part = cipher.update(piece)
      target.set(part, filled)
      filled += part.byteLength
      // Frees it at once, rather than when the garbage collector finds that much lies about outside of its heap.
      part.buffer.transfer(0)
    }
    cipher.final()
    target.set(cipher.getAuthTag(), filled)
  }

  /**
   * Decrypts one frame, tag at its end, into memory of its own.
   *
   * @throws ShoalError `NOISE_EXHAUSTED`
   * @throws Error of node:crypto for a frame that is not what was sent
   */
  open(frame: Uint8Array): Uint8Array {
    const decipher = createDecipheriv(algorithm, this.#key, this.#nextNonce(), options)
    const body = frame.byteLength - tagBytes
    decipher.setAuthTag(frame.subarray(body))
    const plaintext = decipher.update(frame.subarray(0, body))
    decipher.final()
    return plaintext
  }

  /** Four zero bytes and the number as 64 bits, the lowest first; the numbers fit in 32. */
  #nextNonce(): Uint8Array {
    if (this.#frames >= maxFrames) {
      throw new ShoalError('NOISE_EXHAUSTED', `a connection ends after ${maxFrames} frames`)
    }
    this.#nonce.writeUInt32LE(this.#frames++, 4)
    return this.#nonce
  }
}
