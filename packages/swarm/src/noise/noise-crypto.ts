import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { type ICryptoInterface, type KeyPair, pureJsCrypto } from '@chainsafe/libp2p-noise'

const algorithm = 'chacha20-poly1305'
const tagBytes = 16
/** DER in front of the 32 bytes of an X25519 key (RFC 8410). */
const privateKeyPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicKeyPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/**
 * Noise's primitives from node:crypto. The stock plug-in hands raw key bytes to OpenSSL for each frame, which
 * costs Node 24 a fifth of a receiver's time, and computes X25519 in JavaScript.
 */
export function createNoiseCrypto(): ICryptoInterface {
  const keys = new WeakMap<Uint8Array, KeyObject>()

  function keyOf(bytes: Uint8Array): KeyObject {
    const known = keys.get(bytes)
    if (known !== undefined) return known
    const key = createSecretKey(bytes)
    keys.set(bytes, key)
    return key
  }

  return {
    ...pureJsCrypto,
    hashSHA256: (data) => createHash('sha256').update(data.subarray()).digest(),
    generateX25519KeyPair,
    generateX25519KeyPairFromSeed,
    generateX25519SharedKey: (privateKey, publicKey) =>
      diffieHellman({
        privateKey: importPrivateKey(privateKey.subarray()),
        publicKey: importPublicKey(publicKey.subarray()),
      }),
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, k) => encrypt(plaintext, nonce, ad, keyOf(k)),
    chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, k, dst) => {
      const bodyBytes = ciphertext.byteLength - tagBytes
      if (bodyBytes < 0) throw new RangeError(`a Noise frame of ${ciphertext.byteLength} bytes has no tag`)
      const decipher = createDecipheriv(algorithm, keyOf(k), nonce, { authTagLength: tagBytes })
      if (ad.byteLength > 0) decipher.setAAD(ad, { plaintextLength: bodyBytes })
      decipher.setAuthTag(ciphertext.subarray(bodyBytes))
      // libp2p-noise passes the ciphertext, already gathered into one piece, as the place for the plaintext.
      const plaintext = decipher.update(dst ?? ciphertext.subarray(0, bodyBytes))
      decipher.final()
      return plaintext
    },
  }
}

/** One buffer for ciphertext and tag: the transport writes each piece that it gets to the socket by itself. */
function encrypt(
  plaintext: Uint8Array | (Iterable<Uint8Array> & { readonly byteLength: number }),
  nonce: Uint8Array,
  ad: Uint8Array,
  key: KeyObject,
): Uint8Array {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  if (ad.byteLength > 0) cipher.setAAD(ad, { plaintextLength: plaintext.byteLength })
  const pieces: Uint8Array[] = []
  for (const piece of plaintext instanceof Uint8Array ? [plaintext] : plaintext)
    pieces.push(cipher.update(piece))
  pieces.push(cipher.final(), cipher.getAuthTag())
  return Buffer.concat(pieces)
}

function generateX25519KeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  })
  return {
    publicKey: publicKey.subarray(publicKeyPrefix.length),
    privateKey: privateKey.subarray(privateKeyPrefix.length),
  }
}

function generateX25519KeyPairFromSeed(seed: Uint8Array): KeyPair {
  const der = createPublicKey(importPrivateKey(seed)).export({ type: 'spki', format: 'der' })
  return { publicKey: der.subarray(publicKeyPrefix.length), privateKey: seed }
}

function importPrivateKey(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privateKeyPrefix, bytes]), type: 'pkcs8', format: 'der' })
}

function importPublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicKeyPrefix, bytes]), type: 'spki', format: 'der' })
}
