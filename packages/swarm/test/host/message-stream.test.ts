import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { InvalidInputError } from '@shoal/content'
import test from 'ava'
import * as varint from 'uint8-varint'
import { StreamClosedError } from '../../dist/host/errors.js'
import { pieceBytes } from '../../dist/host/message-stream.js'
import { openStreamPair, patterned, sha256 } from './fixture.ts'

const mebibyte = 1024 * 1024
const text = (message: Uint8Array | undefined): string | undefined =>
  message === undefined ? undefined : Buffer.from(message).toString()

/** Counts what a stream hands to its connection. */
function recordFrames(stream: Stream): { bytes: number; longest: number } {
  const frames = { bytes: 0, longest: 0 }
  const inside = stream as unknown as { sendFrame: (header: { length: number }, data?: object) => boolean }
  const sendFrame = inside.sendFrame
  inside.sendFrame = (header, data) => {
    if (data !== undefined) {
      frames.bytes += header.length
      frames.longest = Math.max(frames.longest, header.length)
    }
    return sendFrame(header, data)
  }
  return frames
}

test('messages arrive whole and in order, and the end after the last', async (t) => {
  const { client, server } = await openStreamPair(t)
  await client.send(Buffer.from('one'))
  await client.send(new Uint8Array(0))
  await client.send(Buffer.from('three'))
  await client.close()
  t.is(text(await server.read()), 'one')
  t.is(text(await server.read()), '')
  t.is(text(await server.read()), 'three')
  t.is(await server.read(), undefined)
})

test('a body goes out in pieces as small as the sender says, and the reader is told of all that comes', async (t) => {
  const { client, clientStream, server } = await openStreamPair(t)
  const frames = recordFrames(clientStream)
  const sent = client.sendWithBody(Buffer.from('body'), patterned(100_000), { pieceBytes: 4_000 })
  t.is(text(await server.read()), 'body')
  let told = 0
  await server.readBody(new Uint8Array(100_000), {
    onBytes: (bytes) => {
      told += bytes
    },
  })
  await sent
  t.is(told, 100_000)
  t.is(frames.longest, 4_000)
})

test('64 MiB through a slow reader lose nothing and pile up on neither side', async (t) => {
  const { client, clientStream, server } = await openStreamPair(t)
  const frames = recordFrames(clientStream)
  const body = patterned(64 * mebibyte)
  const sent = client.sendWithBody(Buffer.from('body'), body).then(() => client.close())

  t.is(text(await server.read()), 'body')
  const received = new Uint8Array(body.length)
  let mostToWrite = 0
  let mostOnTheWay = 0
  for (let start = 0; start < body.length; start += 128 * 1024) {
    await nextTurn()
    mostToWrite = Math.max(mostToWrite, clientStream.writeBufferLength)
    mostOnTheWay = Math.max(mostOnTheWay, frames.bytes - start)
    await server.readBody(received.subarray(start, start + 128 * 1024))
  }
  await sent
  t.is(sha256(received), sha256(body))
  t.is(await server.read(), undefined)
  t.true(mostToWrite <= pieceBytes, `${mostToWrite} bytes waited to be sent`)
  // The reader's mark, a window that came while it was held up, and a window granted when that was taken over.
  t.true(mostOnTheWay <= (1 + 4 + 4) * mebibyte, `${mostOnTheWay} bytes waited to be read`)
})

test('a reader that comes when all windows are full gets a body that is longer', async (t) => {
  const { client, server, serverStream } = await openStreamPair(t)
  const body = patterned(16 * mebibyte)
  const sent = client.sendWithBody(Buffer.from('body'), body)
  const window = serverStream as unknown as { readonly recvWindowCapacity: number }
  while (serverStream.readStatus !== 'paused' || window.recvWindowCapacity > 0) await nextTurn()
  t.is(text(await server.read()), 'body')
  const received = new Uint8Array(body.length)
  await server.readBody(received)
  await sent
  t.is(sha256(received), sha256(body))
})

test('a sender is held up again and again, not only the first time', async (t) => {
  const { client, clientStream, server } = await openStreamPair(t)
  const body = patterned(24 * mebibyte)
  const received = new Uint8Array(body.length)
  for (let round = 0; round < 2; round++) {
    let isSent = false
    const sent = client.sendWithBody(new Uint8Array(1), body).then(() => {
      isSent = true
    })
    await server.read()
    t.false(isSent, 'more was taken than two ends can hold')
    t.true(clientStream.writeBufferLength <= pieceBytes)
    await server.readBody(received)
    await sent
    t.is(sha256(received), sha256(body))
  }
})

test('what was sent before a close arrives even if the reader was behind', async (t) => {
  const { client, server } = await openStreamPair(t)
  // More than the reader's high-water mark, and less than the window: it is all on the way when the close follows.
  const body = patterned(3 * mebibyte)
  const closed = client.sendWithBody(Buffer.from('late'), body).then(() => client.close())
  await server.read()
  await Promise.race([closed, nextTurn()])
  const received = new Uint8Array(body.length)
  await server.readBody(received)
  t.is(sha256(received), sha256(body))
  t.is(await server.read(), undefined)
  await closed
})

test('sends that overlap go out one after the other', async (t) => {
  const { client, server } = await openStreamPair(t)
  const bodies = [3_000_000, 10, 700_000, 0, 1_200_000].map((length, index) => patterned(length, index))
  const sends = bodies.map((body, index) => client.sendWithBody(Uint8Array.of(index), body))
  for (const [index, body] of bodies.entries()) {
    t.deepEqual(await server.read(), Uint8Array.of(index))
    const received = new Uint8Array(body.length)
    await server.readBody(received)
    t.is(sha256(received), sha256(body))
  }
  await Promise.all(sends)
})

test('no frame is longer than 256 KiB, however long the body', async (t) => {
  const { client, clientStream, server } = await openStreamPair(t)
  const frames = recordFrames(clientStream)
  const body = patterned(16 * mebibyte)
  const sent = client.sendWithBody(new Uint8Array(10), body)
  await server.read()
  await server.readBody(new Uint8Array(body.length))
  await sent
  t.true(frames.longest <= 256 * 1024)
  t.true(frames.bytes > body.length)
})

test('a reset while a body arrives is an error', async (t) => {
  const { client, server } = await openStreamPair(t)
  const sent = client.sendWithBody(Buffer.from('body'), patterned(8 * mebibyte))
  await server.read()
  const reading = server.readBody(new Uint8Array(8 * mebibyte))
  client.abort(new Error('changed my mind'))
  await t.throwsAsync(reading, { instanceOf: StreamClosedError })
  await t.throwsAsync(sent, { instanceOf: StreamClosedError })
})

test('a reset that came before anyone read is an error, not an end', async (t) => {
  const { client, server, serverStream } = await openStreamPair(t)
  const reset = new Promise((resolve) => serverStream.addEventListener('close', resolve))
  client.abort(new Error('gone'))
  await reset
  await t.throwsAsync(server.read(), { instanceOf: StreamClosedError })
})

test('a connection that breaks while a body arrives is an error', async (t) => {
  const { client, server, connection } = await openStreamPair(t)
  const sent = client.sendWithBody(Buffer.from('body'), patterned(8 * mebibyte))
  await server.read()
  connection.abort(new Error('cable cut'))
  await t.throwsAsync(server.readBody(new Uint8Array(8 * mebibyte)), { instanceOf: StreamClosedError })
  await t.throwsAsync(sent, { instanceOf: StreamClosedError })
})

test('the loss of a connection between messages is an error, not an end', async (t) => {
  const { client, server, connection } = await openStreamPair(t)
  await client.send(Buffer.from('last words'))
  t.is(text(await server.read()), 'last words')
  const reading = server.read()
  connection.abort(new Error('cable cut'))
  await t.throwsAsync(reading, { instanceOf: StreamClosedError })
})

test('a body that ends early is an error that says how much came', async (t) => {
  const { client, server } = await openStreamPair(t)
  await client.sendWithBody(Buffer.from('body'), patterned(1_000))
  await client.close()
  await server.read()
  await t.throwsAsync(server.readBody(new Uint8Array(1_001)), {
    instanceOf: StreamClosedError,
    message: /1000 of 1001 bytes/,
  })
})

test('a message that ends early is an error', async (t) => {
  const { clientStream, server } = await openStreamPair(t)
  clientStream.send(Uint8Array.of(5, 1, 2))
  await clientStream.close()
  await t.throwsAsync(server.read(), { instanceOf: StreamClosedError, message: /middle of a message/ })
})

test('a length above the limit is refused before the message comes, and the stream closed', async (t) => {
  const { clientStream, server } = await openStreamPair(t, { maxMessageBytes: 1_000 })
  clientStream.send(varint.encode(1_001))
  await t.throwsAsync(server.read(), { instanceOf: InvalidInputError, code: 'MESSAGE_TOO_LONG' })
  t.true(server.closed)
})

for (const [name, prefix] of [
  ['endless', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ['of zeros that go on', [0x80, 0x80, 0x80, 0x80, 0x00]],
] as const) {
  test(`a length prefix ${name} is refused`, async (t) => {
    const { clientStream, server } = await openStreamPair(t)
    clientStream.send(Uint8Array.from(prefix))
    await t.throwsAsync(server.read(), { instanceOf: InvalidInputError, code: 'MESSAGE_TOO_LONG' })
  })
}

test('a message of the longest length allowed arrives, even one above the high-water mark', async (t) => {
  const maxMessageBytes = 2 * mebibyte
  const { client, server } = await openStreamPair(t, { maxMessageBytes })
  const message = patterned(maxMessageBytes)
  const sent = client.send(message)
  t.is(sha256((await server.read()) ?? new Uint8Array()), sha256(message))
  await sent
})

test('a read that was aborted loses nothing', async (t) => {
  const { client, server } = await openStreamPair(t)
  const abort = new AbortController()
  const read = server.read({ signal: abort.signal })
  abort.abort()
  await t.throwsAsync(read, { name: 'AbortError' })
  await client.send(Buffer.from('still here'))
  t.is(text(await server.read()), 'still here')
})

test('a send that was aborted before its turn leaves the stream as it was', async (t) => {
  const { client, server } = await openStreamPair(t)
  const abort = new AbortController()
  const body = patterned(16 * mebibyte)
  const first = client.sendWithBody(Buffer.from('first'), body)
  const second = client.send(Buffer.from('second'), { signal: abort.signal })
  const third = client.send(Buffer.from('third'))
  abort.abort()
  await t.throwsAsync(second, { name: 'AbortError' })
  t.is(text(await server.read()), 'first')
  await server.readBody(new Uint8Array(body.length))
  t.is(text(await server.read()), 'third')
  await Promise.all([first, third])
})

test('a body that was aborted on the way closes the stream', async (t) => {
  const { client, server } = await openStreamPair(t)
  const abort = new AbortController()
  const sent = client.sendWithBody(Buffer.from('body'), patterned(32 * mebibyte), { signal: abort.signal })
  await server.read()
  abort.abort()
  await t.throwsAsync(sent, { name: 'AbortError' })
  await t.throwsAsync(server.readBody(new Uint8Array(32 * mebibyte)), { instanceOf: StreamClosedError })
})

test('a remote that stops reading is left after the stall timeout', async (t) => {
  const { client } = await openStreamPair(t, { stallTimeoutMs: 100 })
  await t.throwsAsync(client.sendWithBody(new Uint8Array(1), patterned(32 * mebibyte)), {
    instanceOf: StreamClosedError,
    message: /stopped reading/,
  })
  t.true(client.closed)
})

test('a remote that stops sending inside a body is left after the stall timeout', async (t) => {
  const { client, server } = await openStreamPair(t, { stallTimeoutMs: 100 })
  await client.sendWithBody(Buffer.from('body'), patterned(1_000))
  await server.read()
  await t.throwsAsync(server.readBody(new Uint8Array(2_000)), {
    instanceOf: StreamClosedError,
    message: /reset/,
  })
})

test('close gives up on a remote that does not read', async (t) => {
  const { client } = await openStreamPair(t)
  const sent = client.sendWithBody(new Uint8Array(1), patterned(32 * mebibyte))
  await client.close({ signal: AbortSignal.timeout(50) })
  t.true(client.closed)
  await t.throwsAsync(sent, { instanceOf: StreamClosedError })
})

test('onClose tells once when both ends have closed', async (t) => {
  const { client, server } = await openStreamPair(t)
  const reasons: (Error | undefined)[] = []
  const closed = new Promise<void>((resolve) =>
    client.onClose((reason) => {
      reasons.push(reason)
      resolve()
    }),
  )
  await client.close()
  t.is(await server.read(), undefined)
  t.false(client.closed)
  await server.close()
  await closed
  client.abort(new Error('too late'))
  t.deepEqual(reasons, [undefined])
  t.true(client.closed)
})

test('onClose tells why a stream broke, and tells latecomers too', async (t) => {
  const { client, server } = await openStreamPair(t)
  const reason = new Promise<Error | undefined>((resolve) => server.onClose(resolve))
  client.abort(new Error('gone'))
  t.is((await reason)?.name, 'StreamResetError')
  await new Promise<void>((resolve) => server.onClose(() => resolve()))
  t.pass()
})

test('sending on a closed stream is an error', async (t) => {
  const { client } = await openStreamPair(t)
  client.abort(new Error('done'))
  await t.throwsAsync(client.send(Buffer.from('x')), { instanceOf: StreamClosedError })
})
