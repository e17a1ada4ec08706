import { randomBytes } from 'node:crypto'
import { pureJsCrypto } from '@chainsafe/libp2p-noise'
import test from 'ava'
import { Uint8ArrayList } from 'uint8arraylist'
import { createNoiseCrypto } from '../../dist/noise/noise-crypto.js'

const ours = createNoiseCrypto()
const key = randomBytes(32)
const nonce = randomBytes(12)
const tagBytes = 16
/** What the interface's own Uint8ArrayList, of another version, is compatible with in practice. */
type List = Parameters<typeof ours.chaCha20Poly1305Encrypt>[0]

for (const length of [0, 1, 32, 1_199, 1_200, 65_503]) {
  for (const ad of [new Uint8Array(0), randomBytes(32)]) {
    test(`frames of ${length} bytes with ${ad.length} of associated data agree with libp2p-noise's own`, (t) => {
      const plaintext = randomBytes(length)
      const pieces = new Uint8ArrayList(plaintext.subarray(0, length >> 1), plaintext.subarray(length >> 1))
      const expected = Buffer.from(pureJsCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray())
      t.deepEqual(Buffer.from(ours.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray()), expected)
      t.deepEqual(
        Buffer.from(ours.chaCha20Poly1305Encrypt(pieces as unknown as List, nonce, ad, key).subarray()),
        expected,
      )

      const gathered = expected.subarray(0, length)
      const received = new Uint8ArrayList(expected.subarray(0, 7), expected.subarray(7)) as unknown as List
      for (const decrypted of [
        ours.chaCha20Poly1305Decrypt(expected, nonce, ad, key),
        ours.chaCha20Poly1305Decrypt(received, nonce, ad, key, gathered),
      ]) {
        t.deepEqual(Buffer.from(decrypted.subarray()), plaintext)
      }
    })
  }
}

test('a frame with one bit flipped is refused', (t) => {
  const frame = Buffer.from(
    ours.chaCha20Poly1305Encrypt(randomBytes(2_000), nonce, new Uint8Array(0), key).subarray(),
  )
  for (const position of [0, 1_999, 2_000, frame.length - 1]) {
    const changed = Buffer.from(frame)
    changed[position] = (changed[position] ?? 0) ^ 1
    t.throws(() => ours.chaCha20Poly1305Decrypt(changed, nonce, new Uint8Array(0), key))
  }
})

test('a frame too short for its tag is refused', (t) => {
  t.throws(() => ours.chaCha20Poly1305Decrypt(randomBytes(tagBytes - 1), nonce, new Uint8Array(0), key), {
    instanceOf: RangeError,
  })
})

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
