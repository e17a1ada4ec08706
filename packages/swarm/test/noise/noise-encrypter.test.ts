import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import test, { type ExecutionContext } from 'ava'
import { createLibp2p } from 'libp2p'
import { MessageStream } from '../../dist/host/message-stream.js'
import { aesGcm, chaChaPoly } from '../../dist/noise/cipher-suite.js'
import { noiseEncrypters } from '../../dist/noise/noise-encrypter.js'
import { tcpTransport } from '../../dist/tcp/tcp-transport.js'
import { loopback, patterned, sha256 } from '../host/fixture.ts'

const protocol = '/test/1.0.0'
const prologue = randomBytes(32)
const otherPrologue = randomBytes(32)
const kinds = {
  stock: { transport: tcp, encrypters: () => [noise({ prologueBytes: prologue })] },
  shoal: {
    transport: tcpTransport,
    encrypters: () => noiseEncrypters({ prologue, suites: [aesGcm, chaChaPoly] }),
  },
  'shoal without AES': {
    transport: tcpTransport,
    encrypters: () => noiseEncrypters({ prologue, suites: [chaChaPoly] }),
  },
  'shoal on the stock transport': {
    transport: tcp,
    encrypters: () => noiseEncrypters({ prologue, suites: [aesGcm, chaChaPoly] }),
  },
  'another secret': {
    transport: tcpTransport,
    encrypters: () => noiseEncrypters({ prologue: otherPrologue, suites: [aesGcm, chaChaPoly] }),
  },
  'another secret without AES': {
    transport: tcpTransport,
    encrypters: () => noiseEncrypters({ prologue: otherPrologue, suites: [chaChaPoly] }),
  },
}
type Kind = keyof typeof kinds

async function start(t: ExecutionContext, kind: Kind): Promise<Libp2p> {
  const { transport, encrypters } = kinds[kind]
  const node = await createLibp2p({
    addresses: { listen: [loopback] },
    transports: [transport()],
    connectionEncrypters: encrypters(),
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  t.teardown(() => node.stop())
  return node
}

for (const [dialler, listener, encryption] of [
  ['shoal', 'shoal', aesGcm.protocol],
  ['shoal', 'shoal without AES', '/noise'],
  ['shoal without AES', 'shoal', '/noise'],
  ['shoal', 'stock', '/noise'],
  ['stock', 'shoal', '/noise'],
  ['shoal', 'shoal on the stock transport', aesGcm.protocol],
  ['shoal on the stock transport', 'shoal', aesGcm.protocol],
] as [Kind, Kind, string][]) {
  test(`${dialler} dials ${listener}: ${encryption}, and bytes arrive both ways`, async (t) => {
    const [from, to] = await Promise.all([start(t, dialler), start(t, listener)])
    const incoming = Promise.withResolvers<Stream>()
    await to.handle(protocol, (stream) => incoming.resolve(stream))
    const connection = await from.dial(to.getMultiaddrs())
    t.is(connection.encryption, encryption)
    t.true(connection.remotePeer.equals(to.peerId))
    const client = new MessageStream(await connection.newStream(protocol), { peer: 'listener' })
    const server = new MessageStream(await incoming.promise, { peer: 'dialler' })
    const body = patterned(3_000_001)
    for (const [sender, receiver] of [
      [client, server],
      [server, client],
    ] as const) {
      const sent = sender.sendWithBody(Buffer.from('body'), body)
      t.is(Buffer.from((await receiver.read()) ?? []).toString(), 'body')
      const received = new Uint8Array(body.length)
      await receiver.readBody(received)
      await sent
      t.is(sha256(received), sha256(body))
    }
  })
}

for (const [dialler, listener] of [
  ['another secret', 'shoal'],
  ['shoal', 'another secret'],
  ['another secret without AES', 'shoal'],
  ['shoal', 'another secret without AES'],
  ['another secret', 'stock'],
] as [Kind, Kind][]) {
  test(`${dialler} dials ${listener}: no handshake`, async (t) => {
    const [from, to] = await Promise.all([start(t, dialler), start(t, listener)])
    await t.throwsAsync(from.dial(to.getMultiaddrs()), { name: 'EncryptionFailedError' })
    t.deepEqual(to.getConnections(), [])
  })
}

test('bytes that are no handshake end the connection', async (t) => {
  const node = await start(t, 'shoal')
  const port = Number(
    node
      .getMultiaddrs()[0]
      ?.getComponents()
      .find(({ name }) => name === 'tcp')?.value,
  )
  const negotiated = '\x13/multistream/1.0.0\n\x07/noise\n'
  for (const garbage of [
    randomBytes(10_000),
    Buffer.concat([Buffer.from(negotiated, 'latin1'), randomBytes(70_000)]),
  ]) {
    const socket = connect(port, '127.0.0.1').resume()
    socket.on('error', () => undefined)
    socket.write(garbage)
    await new Promise((resolve) => socket.once('close', resolve))
  }
  t.deepEqual(node.getConnections(), [])
})
