import type { Stream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import test from 'ava'
import { yamuxWithRareUpdates } from '../../dist/host/window-updates.js'

const KiB = 1024
/** Yamux's first window. */
const windowBytes = 256 * KiB

/** Two ends of a stream that is open, and how many pieces the end that receives has sent on the connection. */
async function openStream() {
  const [near, far] = multiaddrConnectionPair()
  const factory = yamuxWithRareUpdates({ enableKeepAlive: false })()
  const muxers = { near: factory.createStreamMuxer(near), far: factory.createStreamMuxer(far) }
  const remote = Promise.withResolvers<Stream>()
  muxers.far.addEventListener('stream', ({ detail }) => remote.resolve(detail as Stream))
  const sender = (await muxers.near.createStream()) as Stream
  const receiver = await remote.promise
  let sent = 0
  const send = far.send.bind(far)
  far.send = (data) => {
    sent++
    return send(data)
  }
  return { sender, receiver, sent: () => sent }
}

async function received(stream: Stream, bytes: number): Promise<void> {
  const all = Promise.withResolvers<void>()
  let left = bytes
  stream.addEventListener('message', ({ data }) => {
    left -= data.byteLength
    if (left <= 0) all.resolve()
  })
  await all.promise
}

async function sendAll(stream: Stream, pieces: number, pieceBytes: number): Promise<void> {
  for (let piece = 0; piece < pieces; piece++) {
    if (!stream.send(new Uint8Array(pieceBytes))) {
      await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }))
    }
  }
}

test('short messages are not answered by a window update each', async (t) => {
  const { sender, receiver, sent } = await openStream()
  const all = received(receiver, 1_000 * 100)
  await sendAll(sender, 1_000, 100)
  await all
  t.true(sent() <= 1, `${sent()} answers`)
})

test('a stream goes on after its window is used up', async (t) => {
  const { sender, receiver, sent } = await openStream()
  const pieces = 80
  const all = received(receiver, pieces * 64 * KiB)
  await sendAll(sender, pieces, 64 * KiB)
  await t.notThrowsAsync(all)
  t.true(sent() <= (2 * pieces * 64 * KiB) / windowBytes + 1, `${sent()} answers`)
})

test('a sender is held up while the receiver pauses, and goes on after', async (t) => {
  const { sender, receiver } = await openStream()
  receiver.pause()
  let arrived = 0
  receiver.addEventListener('message', ({ data }) => {
    arrived += data.byteLength
  })
  const pieces = 20
  const sending = sendAll(sender, pieces, 64 * KiB)
  while (!sender.writableNeedsDrain) await new Promise((resolve) => setImmediate(resolve))
  t.is(arrived, 0)
  const all = received(receiver, pieces * 64 * KiB)
  receiver.resume()
  await Promise.all([sending, all])
  t.is(arrived, pieces * 64 * KiB)
})
