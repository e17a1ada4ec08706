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
        privateKey: importPrivateKey(privateKey.subarray()),
        publicKey: importPublicKey(publicKey.subarray()),
      }),
  }
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
