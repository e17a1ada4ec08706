import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import type { Logger, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import test, { type ExecutionContext } from 'ava'
import { SocketReads } from '../../dist/tcp/socket-reads.js'
import { tcpTransport } from '../../dist/tcp/tcp-transport.js'
import { loopback } from '../host/fixture.ts'

interface Pair {
  readonly outbound: MultiaddrConnection
  readonly inbound: MultiaddrConnection
}

const ignore = (): void => undefined
const log: Logger = Object.assign(ignore, {
  error: ignore,
  trace: ignore,
  enabled: false,
  newScope: () => log,
})
const transport: Transport = tcpTransport()({ logger: { forComponent: () => log } })

/** An upgrader that hands over the bare connection. */
function upgraderTo(found: (connection: MultiaddrConnection) => void): Upgrader {
  const upgrade = async (connection: MultiaddrConnection) => found(connection)
  return { upgradeInbound: upgrade, upgradeOutbound: upgrade } as unknown as Upgrader
}

async function openPair(t: ExecutionContext): Promise<Pair> {
  const inbound = Promise.withResolvers<MultiaddrConnection>()
  const outbound = Promise.withResolvers<MultiaddrConnection>()
  const listener = transport.createListener({ upgrader: upgraderTo(inbound.resolve) })
  await listener.listen(multiaddr(loopback))
  t.teardown(() => listener.close())
  const [address] = listener.getAddrs()
  if (address === undefined) throw new Error('it listens on no address')
  await transport.dial(address, {
    upgrader: upgraderTo(outbound.resolve),
    signal: AbortSignal.timeout(60_000),
  })
  return { outbound: await outbound.promise, inbound: await inbound.promise }
}

for (const [from, to] of [
  ['outbound', 'inbound'],
  ['inbound', 'outbound'],
] as const) {
  test(`${from}: what is kept of the messages is not overwritten by those after them`, async (t) => {
    const pair = await openPair(t)
    const sent = Array.from({ length: 20 }, () => randomBytes(100_000))
    const kept: Uint8Array[] = []
    let received = 0
    const done = Promise.withResolvers<void>()
    pair[to].addEventListener('message', ({ data }) => {
      for (const piece of data instanceof Uint8Array ? [data] : data) kept.push(piece)
      received += data.byteLength
      if (received === 2_000_000) done.resolve()
    })
    for (const piece of sent) if (!pair[from].send(piece)) await once(pair[from], 'drain')
    await done.promise
    t.true(Buffer.concat(kept).equals(Buffer.concat(sent)))
  })

  test(`${from}: a connection that is paused takes in no more, and loses nothing`, async (t) => {
    const pair = await openPair(t)
    pair[to].pause()
    let received = 0
    const done = Promise.withResolvers<void>()
    pair[to].addEventListener('message', ({ data }) => {
      received += data.byteLength
      if (received === 32_000_000) done.resolve()
    })
    const piece = new Uint8Array(1_000_000)
    // More than the kernel takes on loopback: it drains only when the other end reads.
    for (let index = 0; index < 32; index++) pair[from].send(piece)
    t.true(pair[from].writableNeedsDrain)
    t.is(received, 0)
    pair[to].resume()
    await done.promise
    t.is(received, 32_000_000)
  })

  test(`${from}: a close is seen at the other end, an abort as a reset`, async (t) => {
    const closing = await openPair(t)
    const closed = once(closing[to], 'close')
    await closing[from].close()
    await closed
    t.is(closing[to].status, 'closed')
    const aborting = await openPair(t)
    const reset = once(aborting[to], 'close')
    aborting[from].abort(new Error('enough'))
    await reset
    t.not(aborting[to].status, 'open')
  })
}

test('a listener closes with its connections', async (t) => {
  const inbound = Promise.withResolvers<MultiaddrConnection>()
  const listener = transport.createListener({ upgrader: upgraderTo(inbound.resolve) })
  await listener.listen(multiaddr(loopback))
  const port = Number(listener.getAddrs()[0]?.getComponents()[1]?.value)
  const socket = connect(port, '127.0.0.1').resume()
  const closed = once(socket, 'close')
  const connection = await inbound.promise
  await listener.close()
  await closed
  t.not(connection.status, 'open')
  t.deepEqual(listener.getAddrs(), [])
})

test('an address that is taken, and one where nobody listens, are errors', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${port}`)
  const upgrader = upgraderTo(() => undefined)
  await t.throwsAsync(transport.createListener({ upgrader }).listen(address), { code: 'EADDRINUSE' })
  server.close()
  await once(server, 'close')
  await t.throwsAsync(transport.dial(address, { upgrader, signal: AbortSignal.timeout(60_000) }), {
    code: 'ECONNREFUSED',
  })
})

test('a dial ends with its signal, before and while it is under way', async (t) => {
  const upgrader = upgraderTo(() => undefined)
  const address = multiaddr('/ip4/127.0.0.1/tcp/1')
  const reason = new Error('no longer wanted')
  await t.throwsAsync(transport.dial(address, { upgrader, signal: AbortSignal.abort(reason) }), {
    is: reason,
  })
  const abort = new AbortController()
  const dialling = transport.dial(address, { upgrader, signal: abort.signal })
  abort.abort(reason)
  await t.throwsAsync(dialling, { is: reason })
})

test('only TCP addresses are listened on and dialled', (t) => {
  const taken = ['/ip4/10.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/dns4/node.example/tcp/5006'].map((a) =>
    multiaddr(a),
  )
  const others = ['/ip4/10.0.0.1/udp/1', '/ip4/10.0.0.1/tcp/1/ws', '/unix/%2Ftmp%2Fsocket'].map((a) =>
    multiaddr(a),
  )
  t.deepEqual(transport.dialFilter([...taken, ...others]), taken)
  t.deepEqual(transport.listenFilter([...others, ...taken]), taken)
})

test('this Node lets sockets that were accepted read into memory of ours', async (t) => {
  const reads = new SocketReads()
  const accepted = Promise.withResolvers<{ before: Socket; after: Socket }>()
  let received = ''
  const done = Promise.withResolvers<void>()
  const server = createServer({ pauseOnConnect: true }, (before) => {
    const after = reads.adopt(before, (bytes) => {
      received += Buffer.from(bytes).toString()
      if (received === 'hello') done.resolve()
    })
    accepted.resolve({ before, after })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.write('hello')
  const { before, after } = await accepted.promise
  t.teardown(() => after.destroy())
  await done.promise
  t.not(after, before)
  t.is(after.listenerCount('data'), 0)
  server.close()
  await once(server, 'close')
})

test('a socket without a handle to make another from is read as it is', async (t) => {
  const socket = new PassThrough() as unknown as Socket
  socket.pause()
  const received = Promise.withResolvers<string>()
  t.is(
    new SocketReads().adopt(socket, (bytes) => received.resolve(Buffer.from(bytes).toString())),
    socket,
  )
  socket.write('hello')
  t.is(await received.promise, 'hello')
})
