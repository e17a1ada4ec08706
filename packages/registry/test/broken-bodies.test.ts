import { once } from 'node:events'
import test from 'ava'
import {
  connectRaw,
  digestOf,
  errorOf,
  FakeContent,
  type FakeItem,
  goodItem,
  never,
  patternOf,
  splitRaw,
  startShim,
} from './fixture.ts'

const bytes = patternOf(2_000_000)
const half = 1_000_000
const digest = digestOf(bytes)
const path = `/v2/library/app/blobs/${digest}`
const get = `GET ${path} HTTP/1.1\r\nHost: shim\r\n\r\n`

function behaving(read: FakeItem['read']): FakeContent {
  return new FakeContent().add(digest, { ...goodItem(bytes), read })
}

/** Delivers half of the blob, then does as told. */
function halfThen(next: (signal: AbortSignal) => Promise<void>): FakeContent {
  return behaving(async function* (_, signal) {
    for (let at = 0; at < half; at += 50_000) yield bytes.slice(at, at + 50_000)
    await next(signal)
  })
}

const failure = (): Promise<never> => Promise.reject(new Error('the disk failed'))

test('a source that fails midway ends the connection with a FIN after what it gave', async (t) => {
  const shim = await startShim(t, { content: halfThen(failure) })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  t.is(await ended, 'end')
  const { head, body } = splitRaw(received())
  t.regex(head, /^HTTP\/1\.1 200 .*\r\nContent-Length: 2000000\r\n/s)
  t.deepEqual(body, Buffer.from(bytes.subarray(0, half)))
})

test('the FIN comes even when the client has sent what nobody read', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const shim = await startShim(t, { content: halfThen(() => promise.then(failure)) })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  await once(socket, 'data')
  socket.write('PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: shim\r\nContent-Length: 50000000\r\n\r\n')
  socket.write(Buffer.alloc(50_000_000))
  await shim.get('/v2/') // by now the server has read of it what it would
  resolve()
  t.is(await ended, 'end')
  t.is(splitRaw(received()).body.length, half)
})

test('a body that broke is logged with its bytes, and the failure reported', async (t) => {
  const shim = await startShim(t, { content: halfThen(failure) })
  const logged = shim.nextRequest()
  const { socket } = await connectRaw(t, shim.port)
  socket.write(get)
  t.like(await logged, { status: 200, bytes: half, outcome: 'broken', reason: 'internal' })
  t.like(shim.events[0], {
    type: 'degraded',
    operation: 'read content',
    error: { message: 'the disk failed' },
  })
})

test('a source that stalls midway breaks the body with a FIN', async (t) => {
  const shim = await startShim(t, { content: halfThen(never) }, { stallTimeoutMs: 50 })
  const logged = shim.nextRequest()
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  t.is(await ended, 'end')
  t.is(splitRaw(received()).body.length, half)
  t.like(await logged, { outcome: 'broken', reason: 'stalled' })
})

test('a source that ends early breaks the body with a FIN', async (t) => {
  const shim = await startShim(t, { content: halfThen(async () => undefined) })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  t.is(await ended, 'end')
  t.is(splitRaw(received()).body.length, half)
})

test('a source that gives too much never makes the body longer than it was announced', async (t) => {
  const shim = await startShim(t, {
    content: behaving(async function* () {
      yield bytes.slice(0, half)
      yield bytes
    }),
  })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  t.is(await ended, 'end')
  t.is(splitRaw(received()).body.length, half)
})

test('a source whose first piece is too long is a 404', async (t) => {
  const content = behaving(async function* () {
    yield bytes
  })
  const answer = await (await startShim(t, { content })).get(path, { Range: 'bytes=0-9' })
  t.is(answer.status, 404)
  t.is(errorOf(answer).code, 'BLOB_UNKNOWN')
})

test('a source that gives no first byte in time is a 404', async (t) => {
  const content = behaving(async function* (_, signal) {
    yield new Uint8Array(0)
    await never(signal)
  })
  const answer = await (await startShim(t, { content }, { firstByteTimeoutMs: 50 })).get(path)
  t.is(answer.status, 404)
  t.like(errorOf(answer), { code: 'BLOB_UNKNOWN', detail: { reason: 'timeout' } })
})

test('a source that opens but ignores its signal is a 404, and is let go', async (t) => {
  const content = behaving(async function* () {
    await new Promise(() => undefined)
    yield bytes
  })
  const answer = await (await startShim(t, { content }, { firstByteTimeoutMs: 50 })).get(path)
  t.is(answer.status, 404)
  t.is(content.openCount, 0)
})

test('a client that hangs up stops the source and lets go of the content', async (t) => {
  const stopped = Promise.withResolvers<void>()
  const content = behaving(async function* (_, signal) {
    try {
      yield bytes.slice(0, half)
      await never(signal)
    } finally {
      stopped.resolve()
    }
  })
  const shim = await startShim(t, { content })
  const logged = shim.nextRequest()
  const { socket } = await connectRaw(t, shim.port)
  socket.write(get)
  await once(socket, 'data')
  socket.destroy()
  await t.notThrowsAsync(stopped.promise)
  t.like(await logged, { status: 200, outcome: 'client-closed', reason: undefined })
  t.is(content.openCount, 0)
})

test('a client that hangs up before the first byte is no failure', async (t) => {
  const reading = Promise.withResolvers<void>()
  const content = behaving(async function* (_, signal) {
    reading.resolve()
    await never(signal)
    yield bytes
  })
  const shim = await startShim(t, { content })
  const logged = shim.nextRequest()
  const { socket } = await connectRaw(t, shim.port)
  socket.write(get)
  await reading.promise
  socket.destroy()
  t.like(await logged, { status: 499, bytes: 0, outcome: 'client-closed' })
  t.deepEqual(
    shim.events.filter(({ type }) => type === 'degraded'),
    [],
  )
})

test('a client that does not read holds the source back', async (t) => {
  const total = 256 * 1024 * 1024
  const piece = new Uint8Array(256 * 1024)
  let pulled = 0
  let untilQuiet: NodeJS.Timeout | undefined
  const quiet = Promise.withResolvers<void>()
  const content = new FakeContent().add(digest, {
    size: total,
    mediaType: '',
    read: async function* () {
      for (; pulled < total; pulled += piece.length) {
        clearTimeout(untilQuiet)
        untilQuiet = setTimeout(quiet.resolve, 500)
        yield piece
      }
    },
  })
  const shim = await startShim(t, { content })
  const { socket } = await connectRaw(t, shim.port)
  socket.pause()
  socket.write(get)
  await quiet.promise
  t.true(pulled < total / 4, `${pulled} bytes were read ahead of the client`)
})

test('a client that sends garbage during a body gets no byte into it', async (t) => {
  const garbage = Promise.withResolvers<void>()
  const content = behaving(async function* () {
    yield bytes.slice(0, half)
    await garbage.promise
    yield bytes.slice(half)
  })
  const shim = await startShim(t, { content })
  const logged = shim.nextRequest()
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  await once(socket, 'data')
  socket.write('\x16\x03\x01 not http\r\n\r\n')
  await logged
  garbage.resolve()
  t.is(await ended, 'end')
  t.deepEqual(splitRaw(received()).body, Buffer.from(bytes.subarray(0, half)))
})
