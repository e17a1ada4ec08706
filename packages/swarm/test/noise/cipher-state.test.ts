import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import test from 'ava'
import { CipherState, maxFrames } from '../../dist/noise/cipher-state.js'
import { aesGcm, type CipherSuite, chaChaPoly, cipherSuites } from '../../dist/noise/cipher-suite.js'

const tagBytes = 16
const key = randomBytes(32)

function seal(state: CipherState, ...pieces: Uint8Array[]): Buffer {
  const frame = Buffer.alloc(pieces.reduce((sum, piece) => sum + piece.length, tagBytes))
  state.seal(pieces, frame)
  return frame
}

/** A frame by node:crypto alone. */
function expected(suite: CipherSuite, k: Uint8Array, nonce: string, plaintext: Uint8Array): Buffer {
  const algorithm = suite.algorithm as 'aes-256-gcm'
  const cipher = createCipheriv(algorithm, k, Buffer.from(nonce, 'hex'), { authTagLength: tagBytes })
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

for (const [suite, third, last] of [
  // Noise specification, section 12.3 and 12.4: the number comes lowest byte first, or highest first.
  [chaChaPoly, '000000000200000000000000', '00000000ffffffff00000000'],
  [aesGcm, '000000000000000000000002', '0000000000000000ffffffff'],
] as const) {
  const { algorithm } = suite

  for (const length of [0, 1, 15, 16, 17, 1_000, 65_519]) {
    test(`${algorithm}: a frame of ${length} bytes comes back as it was, whatever pieces it was in`, (t) => {
      const plaintext = randomBytes(length)
      const sender = new CipherState(suite, key)
      const receiver = new CipherState(suite, key)
      for (const cut of [0, length >> 1, length]) {
        const frame = seal(sender, plaintext.subarray(0, cut), plaintext.subarray(cut))
        t.deepEqual(Buffer.from(receiver.open(frame)), plaintext)
      }
    })
  }

  test(`${algorithm}: frames are numbered as Noise says`, (t) => {
    const sender = new CipherState(suite, key)
    seal(sender)
    seal(sender)
    t.deepEqual(seal(sender, Buffer.from('text')), expected(suite, key, third, Buffer.from('text')))
  })

  test(`${algorithm}: a frame with one bit flipped, or out of its turn, is refused`, (t) => {
    const plaintext = randomBytes(2_000)
    for (const position of [0, 1_999, 2_000, 2_015]) {
      const frame = seal(new CipherState(suite, key), plaintext)
      frame[position] = (frame[position] ?? 0) ^ 1
      t.throws(() => new CipherState(suite, key).open(frame))
    }
    const sender = new CipherState(suite, key)
    const frames = [seal(sender, plaintext), seal(sender, plaintext)] as const
    t.throws(() => new CipherState(suite, key).open(frames[1]))
    const receiver = new CipherState(suite, key)
    receiver.open(frames[0])
    t.throws(() => receiver.open(frames[0]))
  })

  test(`${algorithm}: no number is used twice: after the last, sending and receiving are errors`, (t) => {
    // The last of a key's frames too, so that the key is the one given.
    const noRekey = { ...suite, framesPerKey: Number.POSITIVE_INFINITY }
    const sender = new CipherState(noRekey, key, maxFrames - 1)
    const receiver = new CipherState(noRekey, key, maxFrames - 1)
    const frame = seal(sender, Buffer.from('last'))
    t.deepEqual(frame, expected(suite, key, last, Buffer.from('last')))
    receiver.open(frame)
    t.throws(() => seal(sender), { code: 'NOISE_EXHAUSTED' })
    t.throws(() => receiver.open(frame), { code: 'NOISE_EXHAUSTED' })
  })
}

test('aes-256-gcm: both ends go on with the key of Noise’s Rekey after as many frames as one key may have', (t) => {
  const before = aesGcm.framesPerKey - 1
  const sender = new CipherState(aesGcm, key, before)
  const receiver = new CipherState(aesGcm, key, before)
  receiver.open(seal(sender, Buffer.from('old')))
  const frame = seal(sender, Buffer.from('new'))
  // ENCRYPT(k, 2^64 - 1, nothing, 32 zero bytes), without the tag (section 4.2).
  const nextKey = expected(aesGcm, key, '00000000ffffffffffffffff', Buffer.alloc(32)).subarray(0, 32)
  t.deepEqual(frame, expected(aesGcm, nextKey, '000000000000000000400000', Buffer.from('new')))
  t.is(Buffer.from(receiver.open(frame)).toString(), 'new')
  t.throws(() => {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from('000000000000000000400000', 'hex'))
    decipher.setAuthTag(frame.subarray(-tagBytes))
    decipher.update(frame.subarray(0, -tagBytes))
    decipher.final()
  })
})

test('a processor without instructions for AES offers only what all of libp2p speaks', (t) => {
  t.deepEqual(cipherSuites(true), [aesGcm, chaChaPoly])
  t.deepEqual(cipherSuites(false), [chaChaPoly])
})
