import { setTimeout as delay } from 'node:timers/promises'
import { OriginError, type OriginPush } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { connectRaw, patternOf, startShim } from './fixture.ts'

/** Clients that hold connections by sending next to nothing (Slowloris), each ended while others are served. */

/** Headers get 10 s, looked at every 2 s; the rest is for a busy machine. */
const headersEndMs = 20_000

async function endsIn(t: ExecutionContext, write: (socket: { write(text: string): unknown }) => void) {
  const shim = await startShim(t)
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.on('error', () => undefined) // it may be closed while we write
  const writing = setInterval(() => write(socket), 200)
  t.teardown(() => clearInterval(writing))
  t.is((await shim.get('/v2/')).status, 200)
  const how = await Promise.race([ended, delay(headersEndMs, 'never', { ref: false })])
  return { how, received: received().toString() }
}

test('headers that trickle are given up', async (t) => {
  t.timeout(60_000)
  let isBegun = false
  const { how, received } = await endsIn(t, (socket) => {
    socket.write(isBegun ? 'X-A: b\r\n' : 'GET /v2/ HTTP/1.1\r\nHost: shim\r\n')
    isBegun = true
  })
  t.is(how, 'end')
  t.regex(received, /did not arrive in time/)
})

test('a connection that asks for nothing is given up', async (t) => {
  t.timeout(60_000)
  t.is((await endsIn(t, () => undefined)).how, 'end')
})

/** A shim that passes pushes on to a registry which takes what comes. */
async function pushShim(t: ExecutionContext, take: (body: AsyncIterable<Uint8Array>) => Promise<void>) {
  const push: OriginPush = {
    forward: async (_, { body }, { signal } = {}) => {
      const gone = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(new OriginError('unavailable', 'the client left'))),
      )
      await Promise.race([take(body), gone])
      return { status: 202, headers: {}, body: new Uint8Array() }
    },
  }
  return await startShim(t, { push }, { bodyIdleTimeoutMs: 300 })
}

const patch = (length: number) =>
  `PATCH /v2/org/app/blobs/uploads/1 HTTP/1.1\r\nHost: shim\r\nContent-Length: ${length}\r\n\r\n`

async function readAll(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}

test('a push that stands still, or trickles, is given up', async (t) => {
  for (const trickle of ['', 'x']) {
    const shim = await pushShim(t, readAll)
    const { socket, ended } = await connectRaw(t, shim.port)
    socket.on('error', () => undefined)
    socket.write(patch(1_000_000))
    const writing = setInterval(() => socket.write(trickle), 50)
    t.teardown(() => clearInterval(writing))
    t.is(await Promise.race([ended, delay(10_000, 'never', { ref: false })]), 'end')
  }
})

test('a pull whose body stands still is given up where pushes are taken too', async (t) => {
  const shim = await pushShim(t, readAll)
  const { socket, ended } = await connectRaw(t, shim.port)
  socket.write('GET /v2/ HTTP/1.1\r\nHost: shim\r\nContent-Length: 1000\r\n\r\n')
  t.is(await Promise.race([ended, delay(10_000, 'never', { ref: false })]), 'end')
})

test('a push that a slow registry holds back goes on', async (t) => {
  const shim = await pushShim(t, async (body) => {
    const pieces = body[Symbol.asyncIterator]()
    await pieces.next()
    await delay(1_500)
    while (!(await pieces.next()).done);
  })
  const { socket, received } = await connectRaw(t, shim.port)
  const bytes = patternOf(8_000_000)
  socket.write(patch(bytes.length))
  socket.write(bytes)
  for (let tries = 0; tries < 100 && received().length === 0; tries++) await delay(100)
  t.regex(received().toString(), /^HTTP\/1\.1 202 /)
})
