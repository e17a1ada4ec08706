import { once } from 'node:events'
import { openSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { BoundSocket, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { createRegistry, ListenError, type RegistryInit } from '../dist/index.js'
import {
  connectRaw,
  digestOf,
  errorOf,
  FakeContent,
  FakeMetadata,
  fakeOrigin,
  goodItem,
  never,
  openAccess,
  patternOf,
  splitRaw,
  startShim,
} from './fixture.ts'

const bytes = patternOf(1000)
const digest = digestOf(bytes)
const get = `GET /v2/library/app/blobs/${digest} HTTP/1.1\r\nHost: shim\r\n\r\n`

function registryAt(listen: RegistryInit['listen']) {
  return createRegistry(
    { content: new FakeContent(), metadata: new FakeMetadata(), origin: fakeOrigin(), access: openAccess },
    { listen, drainTimeoutMs: 0 },
  )
}

/** Delivers half, waits until told, delivers the rest. */
function heldUp(until: (signal: AbortSignal) => Promise<void>): FakeContent {
  return new FakeContent().add(digest, {
    ...goodItem(bytes),
    read: async function* (_, signal) {
      yield bytes.slice(0, 500)
      await until(signal)
      yield bytes.slice(500)
    },
  })
}

test('a port in use is one readable line', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? address?.port : 0
  const error = await t.throwsAsync(registryAt(`127.0.0.1:${port}`).start(), { instanceOf: ListenError })
  t.is(
    error?.message,
    `cannot listen on 127.0.0.1:${port}: the port is in use; stop the other process or choose another with --registry-listen`,
  )
})

test('an address that this host does not have is one readable line', async (t) => {
  await t.throwsAsync(registryAt('203.0.113.1:0').start(), {
    instanceOf: ListenError,
    message:
      'cannot listen on 203.0.113.1:0: this host has no such address; choose another with --registry-listen',
  })
})

test('a listen address that makes no sense is refused', async (t) => {
  await t.throwsAsync(registryAt('everywhere').start(), { code: 'LISTEN_INVALID' })
})

test('listens on a socket that it inherits, and says where that is', async (t) => {
  const socket = new BoundSocket({ host: '127.0.0.1' })
  const registry = registryAt({ fd: socket.fd() })
  await registry.start()
  const { port } = registry.address
  t.deepEqual(socket.address(), { address: '127.0.0.1', family: 'IPv4', port })
  t.is((await fetch(`http://127.0.0.1:${port}/v2/`)).status, 200)
  await registry.stop()
  await t.throwsAsync(fetch(`http://127.0.0.1:${port}/v2/`), undefined, 'its descriptor is closed')
})

for (const [what, open, message] of [
  [
    'a file',
    () => openSync('/dev/null', 'r'),
    /descriptor \d+: got EINVAL, expected a listening TCP socket$/,
  ],
  ['not open', () => 1023, /descriptor 1023: got E\w+, expected a listening TCP socket$/],
  ['a Unix socket', unixSocket, /descriptor \d+: got a Unix socket, expected a listening TCP socket$/],
] as const) {
  test(`an inherited descriptor that is ${what} is one readable line`, async (t) => {
    const fd = open()
    const registry = registryAt({ fd })
    await t.throwsAsync(registry.start(), { instanceOf: ListenError, message })
    await t.notThrowsAsync(registry.stop())
  })
}

function unixSocket(): number {
  const options: object = { path: `\0shoal-life-cycle-test-${process.pid}` }
  return new BoundSocket(options).fd()
}

test('has no address before it is started', (t) => {
  t.throws(() => registryAt('127.0.0.1:0').address, { code: 'NOT_STARTED' })
})

test('can be stopped without having been started', async (t) => {
  await t.notThrowsAsync(registryAt('127.0.0.1:0').stop())
})

test('can be stopped after a start that failed', async (t) => {
  const registry = registryAt('everywhere')
  await t.throwsAsync(registry.start())
  await t.notThrowsAsync(registry.stop())
})

test('can be stopped twice', async (t) => {
  const { registry } = await startShim(t)
  await registry.stop()
  await t.notThrowsAsync(registry.stop())
})

test('takes no connections after it stopped', async (t) => {
  const shim = await startShim(t)
  await shim.registry.stop()
  await t.throwsAsync(shim.get('/v2/'), { code: 'ECONNREFUSED' })
})

test('an answer under way is finished before it stops', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const shim = await startShim(t, { content: heldUp(() => promise) }, { drainTimeoutMs: 60_000 })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  await once(socket, 'data')
  const stopped = shim.registry.stop()
  resolve()
  t.is(await ended, 'end')
  await stopped
  t.deepEqual(splitRaw(received()).body, Buffer.from(bytes))
})

/** A shim with a pull under way, that has been told to stop. */
async function stopMidway(t: ExecutionContext, init: Partial<RegistryInit>) {
  const { promise, resolve: finish } = Promise.withResolvers<void>()
  const another = patternOf(700)
  const content = heldUp(() => promise).add(digestOf(another), goodItem(another))
  const shim = await startShim(t, { content }, { drainTimeoutMs: 60_000, ...init })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  await once(socket, 'data')
  const stopped = shim.registry.stop()
  return { shim, stopped, finish, next: `/v2/library/app/blobs/${digestOf(another)}`, received, ended }
}

test('while it stops, a client in the middle of a pull gets the next layer', async (t) => {
  const { shim, stopped, finish, next, received, ended } = await stopMidway(t, { drainQuietMs: 200 })
  t.is((await shim.get(next)).status, 200)
  finish()
  const asked = performance.now()
  t.is((await shim.get(next)).status, 200)
  await stopped
  t.true(performance.now() - asked >= 200, 'it waits for the client to ask again')
  t.is(await ended, 'end')
  t.deepEqual(splitRaw(received()).body, Buffer.from(bytes))
})

for (const [what, path] of [
  ['asks whether it is a registry', '/v2/'],
  ['asks for a tag', '/v2/library/app/manifests/latest'],
] as const) {
  test(`while it stops, a client that ${what} is sent elsewhere`, async (t) => {
    const { shim, stopped, finish } = await stopMidway(t, {})
    const answer = await shim.get(path)
    t.is(answer.status, 404)
    t.is(errorOf(answer).detail.reason, 'stopping')
    finish()
    await stopped
  })
}

test('who is sent elsewhere while it stops does not keep it from stopping', async (t) => {
  const { shim, stopped, finish } = await stopMidway(t, { drainQuietMs: 300 })
  finish()
  let isStopped = false
  void stopped.then(() => {
    isStopped = true
  })
  let asked = 0
  while (!isStopped && asked < 100) {
    await shim.get('/v2/').catch(() => undefined) // by then it has stopped
    await setTimeout(20)
    asked++
  }
  t.true(asked < 100, `asked ${asked} times`)
})

test('stops at once when nobody has asked for a while', async (t) => {
  const shim = await startShim(t, {}, { drainTimeoutMs: 60_000, drainQuietMs: 50 })
  await shim.get('/v2/')
  await setTimeout(50)
  await t.notThrowsAsync(shim.registry.stop())
})

test('an answer that takes longer is broken with a FIN', async (t) => {
  const shim = await startShim(t, { content: heldUp(never) }, { drainTimeoutMs: 20 })
  const logged = shim.nextRequest()
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  await once(socket, 'data')
  await shim.registry.stop()
  t.is(await ended, 'end')
  t.is(splitRaw(received()).body.length, 500)
  t.like(await logged, { outcome: 'broken', reason: 'stopping' })
})

test('a client that waits for its first byte when time is up gets 404', async (t) => {
  const reading = Promise.withResolvers<void>()
  const content = new FakeContent().add(digest, {
    ...goodItem(bytes),
    read: async function* (_, signal) {
      reading.resolve()
      await never(signal)
      yield bytes
    },
  })
  const shim = await startShim(t, { content }, { drainTimeoutMs: 20 })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(get)
  await reading.promise
  await shim.registry.stop()
  t.is(await ended, 'end')
  t.is(errorOf(splitRaw(received())).detail.reason, 'stopping')
})

test('stops although a client keeps its connection', async (t) => {
  const shim = await startShim(t)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const outgoing = request({ host: '127.0.0.1', port: shim.port, path: '/v2/', agent }).end()
  const [response] = await once(outgoing, 'response')
  response.resume()
  await once(response, 'end')
  await t.notThrowsAsync(shim.registry.stop())
})

test('stops although a connection never sent a request', async (t) => {
  const shim = await startShim(t)
  await connectRaw(t, shim.port)
  await t.notThrowsAsync(shim.registry.stop())
})
