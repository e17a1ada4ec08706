import type { CipherChaCha20Poly1305Types, CipherGCMTypes } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A cipher for the frames after a handshake, as the Noise specification defines it (section 12). */
export interface CipherSuite {
  /** Name in libp2p's negotiation. */
  readonly protocol: string
  /** Name in node:crypto. Its keys have 32 bytes, its nonces 12. */
  readonly algorithm: CipherChaCha20Poly1305Types | CipherGCMTypes
  /** Writes a frame's number into a nonce, of which the first four bytes are zero. */
  readonly number: (nonce: Buffer, frame: bigint) => void
  /** Frames after which both ends go on with a new key. */
  readonly framesPerKey: number
}

/** What all of libp2p speaks. */
export const chaChaPoly: CipherSuite = {
  protocol: '/noise',
  algorithm: 'chacha20-poly1305',
  number: (nonce, frame) => nonce.writeBigUInt64LE(frame, 4),
  framesPerKey: Number.POSITIVE_INFINITY,
}

/**
 * Between nodes of Shoal whose processors have instructions for AES: takes two thirds of the CPU that
 * {@link chaChaPoly} does, or half (docs/data-plane.md).
 */
export const aesGcm: CipherSuite = {
  protocol: '/shoal/noise-aesgcm/1.0.0',
  algorithm: 'aes-256-gcm',
  number: (nonce, frame) => nonce.writeBigUInt64BE(frame, 4),
  // 256 GiB: as many blocks as TLS 1.3 allows under one key (RFC 8446, section 5.5).
  framesPerKey: 2 ** 22,
}

/** Suites to offer, the best first. One without the instructions is several times as slow: then only what all speak. */
export function cipherSuites(hasAes = hasAesInstructions()): readonly CipherSuite[] {
  return hasAes ? [aesGcm, chaChaPoly] : [chaChaPoly]
}

function hasAesInstructions(): boolean {
  try {
    return /^(flags|Features)\s*:.*\baes\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  } catch {
    // Not Linux: a developer's machine.
    return true
  }
}
