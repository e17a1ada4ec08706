import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { type ICryptoInterface, type KeyPair, pureJsCrypto } from '@chainsafe/libp2p-noise'

/** DER in front of the 32 bytes of an X25519 key (RFC 8410). */
const privateKeyPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicKeyPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/** The handshake's primitives from node:crypto, where the stock plug-in computes in JavaScript. */
export function createNoiseCrypto(): ICryptoInterface {
  return {
    ...pureJsCrypto,
    hashSHA256: (data) => createHash('sha256').update(data.subarray()).digest(),
    generateX25519KeyPair,
    generateX25519KeyPairFromSeed,
    generateX25519SharedKey: (privateKey, publicKey) =>
      diffieHellman({
        privateKey: keyObjects.get(privateKey) ?? importPrivateKey(privateKey.subarray()),
        publicKey: importPublicKey(publicKey.subarray()),
      }),
  }
}

/** Of the bytes that we gave out: to import them anew takes longer than to use them, two or three times a handshake. */
const keyObjects = new WeakMap<object, KeyObject>()
/** A node's static key is its seed in each handshake. */
const seededPairs = new WeakMap<Uint8Array, KeyPair>()

function generateX25519KeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const secret = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(privateKeyPrefix.length)
  keyObjects.set(secret, privateKey)
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(publicKeyPrefix.length),
    privateKey: secret,
  }
}

function generateX25519KeyPairFromSeed(seed: Uint8Array): KeyPair {
  const known = seededPairs.get(seed)
  if (known !== undefined) return known
  const privateKey = importPrivateKey(seed)
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const pair = { publicKey: der.subarray(publicKeyPrefix.length), privateKey: seed }
  keyObjects.set(seed, privateKey)
  seededPairs.set(seed, pair)
  return pair
}

function importPrivateKey(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privateKeyPrefix, bytes]), type: 'pkcs8', format: 'der' })
}

function importPublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicKeyPrefix, bytes]), type: 'spki', format: 'der' })
}
