import test from 'ava'
import { coordinationProtocol } from '../../dist/coordination/coordination-protocol.js'
import { exchangeProtocol } from '../../dist/exchange/exchange-protocol.js'
import type { MessageStream } from '../../dist/host/message-stream.js'
import { MemoryOrigin } from '../memory-origin.ts'
import { pull, randomBlob } from '../swarm-fixture.ts'
import { startFaultySwarm, type WrapHost, withMethods, withStreamMethods } from './faulty-swarm.ts'

const MiB = 1024 * 1024
const size = 8 * MiB
const chunkBytes = 256 * 1024
const ours: readonly string[] = [exchangeProtocol, coordinationProtocol]

/** A host of a later Shoal, which has given up these versions of the protocols for others. */
const ofLaterVersion: WrapHost = (host) => {
  const later = (protocol: string) =>
    ours.includes(protocol) ? protocol.replace(/[^/]+$/, '9.0.0') : protocol
  return withMethods(host, {
    open: (peer, protocol, options) => host.open(peer, later(protocol), options),
    handle: (protocol, handler, options) => host.handle(later(protocol), handler, options),
  })
}

/** Field 1000, which nobody has heard of, with the number 7. */
const unknownField = Uint8Array.of(0xc0, 0x3e, 7)
const withUnknownField = (message: Uint8Array) => Buffer.concat([message, unknownField])

/** A host of a later Shoal, which says more than this one understands. */
const saysMore: WrapHost = (host) => {
  const more = (stream: MessageStream) =>
    withStreamMethods(stream, {
      send: (message, options) => stream.send(withUnknownField(message), options),
      sendWithBody: (header, ...rest) => stream.sendWithBody(withUnknownField(header), ...rest),
    })
  return withMethods(host, {
    open: async (peer, protocol, options) => more(await host.open(peer, protocol, options)),
    handle: (protocol, handler, options) => host.handle(protocol, (stream) => handler(more(stream)), options),
  })
}

/** Wraps the host that is started last. */
const lastOf = (count: number, wrap: WrapHost): WrapHost => {
  let started = 0
  return (host) => (++started === count ? wrap(host) : host)
}

test.serial('nodes with no version in common pull past each other, those with one share', async (t) => {
  const origin = new MemoryOrigin(2)
  const address = origin.add(randomBlob(size))
  const nodes = await startFaultySwarm(t, { count: 3, origin, wrapHost: lastOf(3, ofLaterVersion) })
  const digests = await Promise.all(nodes.map((node) => pull(node, address)))
  t.deepEqual(digests, Array(3).fill(address.digest))
  t.log(`${(origin.bytesSent / size).toFixed(2)} copies in ${origin.fetches} requests`)
  t.true(origin.bytesSent <= 2.2 * size, `${origin.bytesSent / size} copies`)
  t.true(origin.fetches <= 3 * (size / chunkBytes), `${origin.fetches} requests`)
})

test.serial('a peer with no version in common is not asked again and again', async (t) => {
  const origin = new MemoryOrigin(2)
  const address = origin.add(randomBlob(size))
  const asked: string[] = []
  let started = 0
  const nodes = await startFaultySwarm(t, {
    count: 2,
    origin,
    wrapHost: (host) => {
      if (++started === 2) return ofLaterVersion(host)
      return withMethods(host, {
        open: (peer, protocol, options) => {
          if (ours.includes(protocol)) asked.push(protocol)
          return host.open(peer, protocol, options)
        },
      })
    },
  })
  const [older, newer] = nodes
  if (older === undefined || newer === undefined) return t.fail()
  t.is(await pull(newer, address), address.digest)
  origin.faults.down = true
  await t.throwsAsync(pull(older, address), { message: /no peer has it/ })
  t.log(asked)
  t.true(asked.length >= 1 && asked.length <= 4, `asked ${asked.length} times`)
})

test.serial('what a later version says beyond this one is passed over', async (t) => {
  const origin = new MemoryOrigin(2)
  const address = origin.add(randomBlob(size))
  const nodes = await startFaultySwarm(t, { count: 3, origin, wrapHost: lastOf(3, saysMore) })
  const digests = await Promise.all(nodes.map((node) => pull(node, address)))
  t.deepEqual(digests, Array(3).fill(address.digest))
  t.true(origin.bytesSent <= 1.2 * size, `${origin.bytesSent / size} copies`)
})
