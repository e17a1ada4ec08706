import { randomBytes } from 'node:crypto'
import { InvalidInputError } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { CipherState } from '../../dist/noise/cipher-state.js'
import { aesGcm } from '../../dist/noise/cipher-suite.js'
import { FrameReader } from '../../dist/noise/frame-reader.js'

const key = randomBytes(32)
const overheadBytes = 18

/** What a sender puts on the wire. */
function frames(plaintexts: readonly Uint8Array[]): Buffer {
  const sender = new CipherState(aesGcm, key)
  return Buffer.concat(
    plaintexts.map((plaintext) => {
      const frame = Buffer.alloc(plaintext.length + overheadBytes)
      frame.writeUInt16BE(frame.length - 2)
      sender.seal([plaintext], frame.subarray(2))
      return frame
    }),
  )
}

const newReader = (): FrameReader => new FrameReader(new CipherState(aesGcm, key))

test('however the bytes are cut, and though their memory is overwritten, the same plaintext comes out', (t) => {
  const plaintexts = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 })
  const cuts = fc.array(fc.nat({ max: 2_600 }), { maxLength: 40 })
  fc.assert(
    fc.property(plaintexts, cuts, (sent, at) => {
      const wire = frames(sent)
      const edges = [0, ...at.filter((cut) => cut < wire.length).sort((a, b) => a - b), wire.length]
      const reader = newReader()
      const received: Uint8Array[] = []
      for (let index = 1; index < edges.length; index++) {
        const memory = Uint8Array.from(wire.subarray(edges[index - 1], edges[index]))
        received.push(...reader.read(memory))
        memory.fill(0xee)
      }
      return Buffer.concat(received).equals(Buffer.concat(sent))
    }),
  )
  t.pass()
})

test('frames of every length up to the longest, one byte at a time and all at once', (t) => {
  const sent = [0, 1, 4_095, 65_519].map((length) => randomBytes(length))
  const wire = frames(sent)
  t.deepEqual(Buffer.concat(newReader().read(wire)), Buffer.concat(sent))
  const slowly = newReader()
  const received = [...wire].flatMap((byte) => slowly.read(Uint8Array.of(byte)))
  t.deepEqual(Buffer.concat(received), Buffer.concat(sent))
})

test('a frame that is cut short gives nothing', (t) => {
  t.deepEqual(newReader().read(frames([randomBytes(1_000)]).subarray(0, -1)), [])
})

test('a frame that was changed is refused, and nothing of it given out', (t) => {
  const wire = frames([randomBytes(1_000), randomBytes(1_000)])
  const last = wire.length - 1
  wire[last] = (wire[last] ?? 0) ^ 1
  t.throws(() => newReader().read(wire))
  const reader = newReader()
  t.is(reader.read(wire.subarray(0, last)).length, 1)
  t.throws(() => reader.read(wire.subarray(last)))
})

test('a length that leaves no room for a tag is refused', (t) => {
  for (let length = 0; length < 16; length++) {
    t.throws(() => newReader().read(Uint8Array.of(0, length)), {
      instanceOf: InvalidInputError,
      code: 'PROTOCOL',
    })
  }
})

test('garbage gives an error or nothing, never bytes', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (garbage) => {
      try {
        return newReader().read(garbage).length === 0
      } catch (error) {
        return error instanceof Error
      }
    }),
  )
  t.pass()
})
