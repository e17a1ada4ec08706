import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import type { Logger, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import test, { type ExecutionContext } from 'ava'
import { SocketReads } from '../../dist/tcp/socket-reads.js'
import { TcpConnection } from '../../dist/tcp/tcp-connection.js'
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

test('the connections of @libp2p/tcp are taken over', async (t) => {
  const { outbound, inbound } = await openPair(t)
  t.true(outbound instanceof TcpConnection)
  t.true(inbound instanceof TcpConnection)
})

test('a socket that was taken over and its successor close together', async (t) => {
  for (const first of ['before', 'after'] as const) {
    const accepted = Promise.withResolvers<{ before: Socket; after: Socket }>()
    const server = createServer((before) => {
      const after = new SocketReads().takeOver(before, () => undefined)
      if (after !== undefined) accepted.resolve({ before, after })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as { port: number }).port, '127.0.0.1')
    const { before, after } = await accepted.promise
    const closed = Promise.all([once(before, 'close'), once(after, 'close'), once(client, 'close')])
    client.resume()
    if (first === 'before') before.destroy()
    else after.destroy()
    await closed
    server.close()
    await once(server, 'close')
  }
  t.pass()
})

test('this Node lets sockets that were accepted read into memory of ours', async (t) => {
  const reads = new SocketReads()
  let received = ''
  const done = Promise.withResolvers<Socket | undefined>()
  const server = createServer((before) => {
    const after = reads.takeOver(before, (bytes) => {
      received += Buffer.from(bytes).toString()
      if (received === 'hello') done.resolve(after)
    })
    if (after === undefined) done.resolve(undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.write('hello')
  const after = await done.promise
  t.is(received, 'hello')
  t.is(after?.listenerCount('data'), 0)
})

test('a socket without a handle to make another from stays as it is', (t) => {
  t.is(
    new SocketReads().takeOver(new Socket(), () => undefined),
    undefined,
  )
})
