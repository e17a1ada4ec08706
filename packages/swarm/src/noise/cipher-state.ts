import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { freeMemory, ShoalError } from '@shoal/content'
import type { CipherSuite } from './cipher-suite.ts'
import { tagBytes } from './noise-frame.ts'

const keyBytes = 32
const nonceBytes = 12
/** libp2p-noise gives up here as well. At 64 KiB a frame that is after 256 TiB. */
export const maxFrames = 2 ** 32
/** The number that no frame has, for new keys. */
const rekeyNumber = 2n ** 64n - 1n
const options = { authTagLength: tagBytes }

/**
 * One direction of a connection after the handshake: its key, and the number of the next frame, which is the nonce
 * (CipherState in the Noise specification, section 5.1).
 */
export class CipherState {
  readonly #suite: CipherSuite
  readonly #nonce = Buffer.alloc(nonceBytes)
  #key: KeyObject
  #frames: number

  /** `frames` have passed already, with this key. */
  constructor(suite: CipherSuite, key: Uint8Array, frames = 0) {
    this.#suite = suite
    this.#key = createSecretKey(key)
    this.#frames = frames
  }

  /**
   * Encrypts the pieces of one frame into `target`, and puts the tag after them.
   *
   * @throws ShoalError `NOISE_EXHAUSTED`
   */
  seal(pieces: Iterable<Uint8Array>, target: Uint8Array): void {
    this.#advance()
    const cipher = this.#cipher()
    let filled = 0
    for (const piece of pieces) {
      const part = cipher.update(piece)
      target.set(part, filled)
      filled += part.byteLength
      freeMemory(part)
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
    this.#advance()
    const { algorithm } = this.#suite
    const decipher = createDecipheriv(algorithm as 'aes-256-gcm', this.#key, this.#nonce, options)
    const bodyBytes = frame.byteLength - tagBytes
    decipher.setAuthTag(frame.subarray(bodyBytes))
    const plaintext = decipher.update(frame.subarray(0, bodyBytes))
    decipher.final()
    return plaintext
  }

  #cipher() {
    return createCipheriv(this.#suite.algorithm as 'aes-256-gcm', this.#key, this.#nonce, options)
  }

  /** On to the next frame. */
  #advance(): void {
    if (this.#frames >= maxFrames) {
      throw new ShoalError('NOISE_EXHAUSTED', `a connection ends after ${maxFrames} frames`)
    }
    if (this.#frames > 0 && this.#frames % this.#suite.framesPerKey === 0) this.#rekey()
    this.#suite.number(this.#nonce, BigInt(this.#frames++))
  }

  /** Noise's Rekey (sections 4.2 and 11.3). The numbers go on. */
  #rekey(): void {
    this.#suite.number(this.#nonce, rekeyNumber)
    this.#key = createSecretKey(this.#cipher().update(Buffer.alloc(keyBytes)))
  }
}
