import { randomBytes } from 'node:crypto'
import { pureJsCrypto } from '@chainsafe/libp2p-noise'
import test from 'ava'
import { createNoiseCrypto } from '../../dist/noise/noise-crypto.js'

const ours = createNoiseCrypto()

test("key agreement and hash agree with libp2p-noise's own", (t) => {
  const mine = ours.generateX25519KeyPair()
  const theirs = pureJsCrypto.generateX25519KeyPair()
  t.deepEqual(
    Buffer.from(ours.generateX25519SharedKey(mine.privateKey, theirs.publicKey)),
    Buffer.from(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, mine.publicKey)),
  )
  const seed = randomBytes(32)
  t.deepEqual(
    Buffer.from(ours.generateX25519KeyPairFromSeed(seed).publicKey),
    Buffer.from(pureJsCrypto.generateX25519KeyPairFromSeed(seed).publicKey),
  )
  t.deepEqual(Buffer.from(ours.hashSHA256(seed)), Buffer.from(pureJsCrypto.hashSHA256(seed)))
})
