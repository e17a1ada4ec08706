import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { MessageStream, MultiaddrConnection } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import test from 'ava'
import { BufferPool } from '../../dist/noise/buffer-pool.js'
import { CipherState } from '../../dist/noise/cipher-state.js'
import { aesGcm } from '../../dist/noise/cipher-suite.js'
import { maxWriteBytes, NoiseStream } from '../../dist/noise/noise-stream.js'
import { patterned, sha256 } from '../host/fixture.ts'

/** Two ends, and the connections below them. */
function openPair(): { a: NoiseStream; b: NoiseStream; below: [MultiaddrConnection, MultiaddrConnection] } {
  const below = multiaddrConnectionPair()
  const [ab, ba] = [randomBytes(32), randomBytes(32)]
  const sendBuffers = new BufferPool(maxWriteBytes)
  const open = (lower: MessageStream, sending: Uint8Array, receiving: Uint8Array): NoiseStream =>
    new NoiseStream(lower, {
      sending: new CipherState(aesGcm, sending),
      receiving: new CipherState(aesGcm, receiving),
      sendBuffers,
    })
  return { a: open(below[0], ab, ba), b: open(below[1], ba, ab), below }
}

/** Collects until `bytes` have come. */
async function collect(stream: MessageStream, bytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let received = 0
  const done = Promise.withResolvers<void>()
  stream.addEventListener('message', ({ data }) => {
    for (const piece of data instanceof Uint8Array ? [data] : data) pieces.push(piece)
    received += data.byteLength
    if (received >= bytes) done.resolve()
  })
  if (bytes > 0) await done.promise
  return Buffer.concat(pieces)
}

for (const length of [1, 1_023, 1_024, 1_025, 65_518, 65_519, 65_520, 262_076, 262_077, 1_000_003]) {
  test(`${length} bytes arrive as they were`, async (t) => {
    const { a, b } = openPair()
    const sent = patterned(length)
    const received = collect(b, length)
    a.send(sent)
    t.is(sha256(await received), sha256(sent))
  })
}

test('long and short ones arrive in the order in which they were sent', async (t) => {
  const { a, b } = openPair()
  const sent = [10, 200_000, 20, 30, 70_000, 5].map((length, seed) => patterned(length, seed))
  const received = collect(b, 270_065)
  for (const piece of sent) a.send(piece)
  t.is(sha256(await received), sha256(Buffer.concat(sent)))
})

test('short answers to what comes in travel in one frame, and long ones at once', async (t) => {
  const { a, b, below } = openPair()
  const writes: number[] = []
  const { send } = below[1]
  below[1].send = (data) => {
    writes.push(data.byteLength)
    return send.call(below[1], data)
  }
  const answers = [patterned(100), patterned(100, 1), patterned(2_000, 2), patterned(50, 3), patterned(50, 4)]
  b.addEventListener('message', () => {
    for (const answer of answers) b.send(answer)
  })
  const received = collect(a, 2_300)
  a.send(Buffer.from('question'))
  t.deepEqual(await received, Buffer.concat(answers))
  t.deepEqual(writes, [2_200 + 18, 100 + 18])
})

test('a close comes after what was sent', async (t) => {
  const { a, b } = openPair()
  const received = collect(b, 5)
  a.send(Buffer.from('hello'))
  await a.close()
  t.is((await received).toString(), 'hello')
})

test('a frame that was changed on the way closes the connection at both ends', async (t) => {
  const { a, b, below } = openPair()
  const received = collect(b, 0)
  const { send } = below[0]
  below[0].send = (data) => {
    const changed = Buffer.from(data.subarray())
    changed[1_000] = (changed[1_000] ?? 0) ^ 1
    return send.call(below[0], changed)
  }
  const closed = Promise.all([once(a, 'close'), once(b, 'close')])
  a.send(new Uint8Array(100_000))
  await closed
  t.is(b.status, 'aborted')
  t.is(a.status, 'reset')
  t.is((await received).length, 0)
})

test('what comes in for a stream that is paused waits, and comes when it goes on', async (t) => {
  const { a, b } = openPair()
  b.pause()
  let received = 0
  b.addEventListener('message', ({ data }) => {
    received += data.byteLength
  })
  a.send(new Uint8Array(100_000))
  await new Promise((resolve) => setImmediate(resolve))
  t.is(received, 0)
  const all = collect(b, 100_000)
  b.resume()
  t.is((await all).length, 100_000)
})

test('an abort reaches the other end', async (t) => {
  const { a, b } = openPair()
  const closed = once(b, 'close')
  a.abort(new Error('enough'))
  await closed
  t.is(b.status, 'reset')
})
