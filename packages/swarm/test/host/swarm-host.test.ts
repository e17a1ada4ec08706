import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { InvalidInputError, ShoalError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { compareDistance, kadId } from '../../dist/discovery/kad-distance.js'
import { PeerUnreachableError, StreamClosedError } from '../../dist/host/errors.js'
import { createSwarmHost, type SwarmHost } from '../../dist/host/swarm-host.js'
import {
  addressOf,
  clusterSecret,
  eventually,
  knows,
  loopback,
  nextPeer,
  randomCid,
  startHost,
  startMesh,
  temporaryDirectory,
  withoutId,
} from './fixture.ts'

const echo = '/test/echo/1.0.0'

async function serveEcho(host: SwarmHost, maxStreamsPerPeer?: number): Promise<void> {
  await host.handle(
    echo,
    async (stream) => {
      for (;;) {
        const message = await stream.read()
        if (message === undefined) return stream.close()
        await stream.send(message)
      }
    },
    { maxStreamsPerPeer },
  )
}

async function randomPeer(): Promise<string> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
}

/** Peer ids in the order of Kademlia's distance from a key. */
function closestOf(hosts: readonly SwarmHost[], key: Uint8Array): string[] {
  const place = ({ peer }: SwarmHost): Uint8Array => kadId(peerIdFromString(peer).toMultihash().bytes)
  return hosts.toSorted((a, b) => compareDistance(kadId(key), place(a), place(b))).map(({ peer }) => peer)
}

/** A port that accepts connections and never says a word. */
async function startMute(t: ExecutionContext): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

test('a stream carries messages between two peers, and each knows the other', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  const seen: string[] = []
  await b.handle(echo, async (stream) => {
    seen.push(stream.peer)
    await stream.send((await stream.read()) ?? new Uint8Array())
    await stream.close()
  })
  const stream = await a.open(b.peer, echo)
  t.is(stream.peer, b.peer)
  await stream.send(Buffer.from('ping'))
  t.is(Buffer.from((await stream.read()) ?? []).toString(), 'ping')
  t.is(await stream.read(), undefined)
  await stream.close()
  t.deepEqual(seen, [a.peer])
})

test('a handler that fails resets its stream and nothing else', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  await serveEcho(b)
  await b.handle('/test/broken/1.0.0', async () => {
    throw new Error('broken')
  })
  const healthy = await a.open(b.peer, echo)
  const broken = await a.open(b.peer, '/test/broken/1.0.0')
  await t.throwsAsync(broken.read(), { instanceOf: StreamClosedError })
  await healthy.send(Buffer.from('fine'))
  t.truthy(await healthy.read())
  await healthy.close()
})

test('one stream too many is reset, and the others live on', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  await serveEcho(b, 2)
  const streams = [await a.open(b.peer, echo), await a.open(b.peer, echo)]
  for (const stream of streams) {
    await stream.send(Buffer.from('x'))
    t.truthy(await stream.read())
  }
  const excess = await a.open(b.peer, echo)
  await t.throwsAsync(excess.read(), { instanceOf: StreamClosedError })
  for (const stream of streams) {
    await stream.send(Buffer.from('x'))
    t.truthy(await stream.read())
    await stream.close()
  }
})

test('a protocol that the peer does not speak is an error at once', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  await t.throwsAsync(a.open(b.peer, '/nobody/speaks/this'), { instanceOf: PeerUnreachableError })
})

test("a peer of whom nobody knows an address can't be reached", async (t) => {
  const [a] = (await startMesh(t, 3)) as [SwarmHost]
  const stranger = await randomPeer()
  const error = await t.throwsAsync(a.open(stranger, echo), { instanceOf: PeerUnreachableError })
  t.is(error?.peer, stranger)
})

test('a peer that accepts connections and never answers is left at the deadline', async (t) => {
  const host = await startHost(t, { timings: { openTimeoutMs: 300 } })
  const mute = await randomPeer()
  await host.learnAddresses(mute, [`/ip4/127.0.0.1/tcp/${await startMute(t)}`])
  await t.throwsAsync(host.open(mute, echo), { instanceOf: PeerUnreachableError })
})

test('open gives up when its signal is aborted', async (t) => {
  const host = await startHost(t)
  const mute = await randomPeer()
  await host.learnAddresses(mute, [`/ip4/127.0.0.1/tcp/${await startMute(t)}`])
  const abort = new AbortController()
  const opening = host.open(mute, echo, { signal: abort.signal })
  abort.abort()
  await t.throwsAsync(opening, { name: 'AbortError' })
})

test('what is not a peer id is refused', async (t) => {
  const host = await startHost(t)
  await t.throwsAsync(host.open('../../etc/passwd', echo), {
    instanceOf: InvalidInputError,
    code: 'PEER_INVALID',
  })
})

test('a peer can be dialled at an address that somebody told', async (t) => {
  const [a, b] = await Promise.all([startHost(t), startHost(t)])
  await serveEcho(b)
  await a.learnAddresses(b.peer, [withoutId(addressOf(b))])
  t.deepEqual(await a.addressesOf(b.peer), [withoutId(addressOf(b))])
  const stream = await a.open(b.peer, echo)
  await stream.send(Buffer.from('x'))
  t.truthy(await stream.read())
  await stream.close()
})

test("told addresses that are nonsense, undialable or another's are left out", async (t) => {
  const [a, b] = await Promise.all([startHost(t), startHost(t)])
  await a.learnAddresses(b.peer, [
    'nonsense',
    `/${'x'.repeat(10_000)}`,
    '/ip4/0.0.0.0/tcp/5006',
    '/ip4/10.0.0.1/tcp/0',
    '/ip4/10.0.0.1/udp/5006',
    '/unix/%2Fvar%2Frun%2Fdocker.sock',
    `/ip4/10.0.0.1/tcp/5006/p2p/${await randomPeer()}`,
    '/ip4/10.0.0.2/tcp/5006',
    '/ip4/10.0.0.3/tcp/5006',
  ])
  // The last is more than one node may have.
  t.deepEqual(await a.addressesOf(b.peer), ['/ip4/10.0.0.2/tcp/5006'])
})

test('told addresses never add up beyond a limit', async (t) => {
  const [a, b] = await Promise.all([startHost(t), startHost(t)])
  for (let round = 0; round < 10; round++) {
    const told = Array.from({ length: 8 }, (_, index) => `/ip4/10.${round}.0.${index}/tcp/5006`)
    await a.learnAddresses(b.peer, told)
  }
  const known = await a.addressesOf(b.peer)
  t.true(known.length <= 16)
  t.true(known.includes('/ip4/10.9.0.7/tcp/5006'))
})

test('a host tells its own addresses, and nothing of strangers', async (t) => {
  const host = await startHost(t, { announce: ['/dns4/node-7/tcp/5006'] })
  t.deepEqual(host.addresses(), [`/dns4/node-7/tcp/5006/p2p/${host.peer}`])
  t.deepEqual(await host.addressesOf(host.peer), host.addresses())
  t.deepEqual(await host.addressesOf(await randomPeer()), [])
})

test('a host keeps its identity with its data directory', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const first = await startHost(t, { dataDir })
  await first.stop()
  const second = await startHost(t, { dataDir })
  t.is(second.peer, first.peer)
})

test('listeners hear of peers that come and go, until they unsubscribe', async (t) => {
  const a = await startHost(t)
  const gone = nextPeer(a, 'onPeerDisconnected')
  const came: string[] = []
  const unsubscribe = a.onPeerConnected((peer) => came.push(peer))
  const b = await startHost(t)
  await b.learnAddresses(a.peer, [withoutId(addressOf(a))])
  await serveEcho(a)
  await b.open(a.peer, echo)
  t.deepEqual(came, [b.peer])
  unsubscribe()
  await b.stop()
  t.is(await gone, b.peer)
  t.deepEqual(a.connectedPeers(), [])
})

test("a banned peer is cut off and can't come back before its time", async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  await Promise.all([serveEcho(a), serveEcho(b)])
  const gone = Promise.all([nextPeer(a, 'onPeerDisconnected'), nextPeer(b, 'onPeerDisconnected')])
  const stream = await b.open(a.peer, echo)
  await a.ban(b.peer, 60_000)
  await gone
  await t.throwsAsync(stream.read(), { instanceOf: StreamClosedError })
  await t.throwsAsync(a.open(b.peer, echo), { instanceOf: PeerUnreachableError })
  await t.throwsAsync(
    b.open(a.peer, echo).then((late) => late.read()),
    { instanceOf: ShoalError },
  )
  t.deepEqual(a.connectedPeers(), [])
})

test('a ban ends', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  await serveEcho(b)
  await a.ban(b.peer, 0)
  const stream = await a.open(b.peer, echo)
  await stream.send(Buffer.from('x'))
  t.truthy(await stream.read())
  await stream.close()
})

test('all nodes agree on who is closest to a key, and it is who Kademlia says', async (t) => {
  const hosts = await startMesh(t, 5)
  for (let round = 0; round < 5; round++) {
    const key = randomCid().multihash.bytes
    const expected = closestOf(hosts, key)
    for (const host of hosts) {
      t.deepEqual(await host.closestPeers(key, 5), expected)
      t.deepEqual(await host.closestPeers(key, 2), expected.slice(0, 2))
    }
  }
})

test('in a cluster too large for one bucket, those near the key are asked who is closest', async (t) => {
  const first = await startHost(t)
  const hosts = [first]
  while (hosts.length < 22) hosts.push(await startHost(t, { bootstrap: [addressOf(first)] }))
  await knows(first, 21)
  const key = randomCid().multihash.bytes
  const expected = closestOf(hosts, key).slice(0, 3)
  // The others are still finding each other; each knows enough to find its way.
  for (const host of [first, hosts.at(-1) ?? first]) {
    const closest = await eventually(
      () => host.closestPeers(key, 3),
      (peers) => peers.join() === expected.join(),
    )
    t.deepEqual(closest, expected)
  }
})

test('a node alone is closest to everything', async (t) => {
  const host = await startHost(t)
  t.deepEqual(await host.closestPeers(randomCid().multihash.bytes, 3), [host.peer])
})

for (const [what, address] of [
  ['not a multiaddr', '127.0.0.1:5006'],
  ['of another transport', '/ip4/127.0.0.1/udp/5006/quic-v1'],
  ['without a port', '/ip4/127.0.0.1'],
  ['out of range', '/ip4/127.0.0.1/tcp/70000'],
] as const) {
  for (const option of ['listen', 'announce', 'bootstrap'] as const) {
    test(`a ${option} address that is ${what} is an error that shows it`, async (t) => {
      const error = await t.throwsAsync(
        createSwarmHost({ listen: [loopback], clusterSecret, [option]: [address] }),
        { instanceOf: InvalidInputError, code: 'ADDRESS_INVALID' },
      )
      t.true(error?.message.includes(address))
    })
  }
}

test('a port in use is an error that shows it', async (t) => {
  const first = await startHost(t)
  const address = withoutId(addressOf(first))
  const error = await t.throwsAsync(createSwarmHost({ listen: [address], clusterSecret }), {
    instanceOf: ShoalError,
    code: 'LISTEN_FAILED',
  })
  t.true(error?.message.includes(address))
  t.regex(error?.message ?? '', /^[^\n]*EADDRINUSE[^\n]*$/)
})

test('stopping twice is as good as once', async (t) => {
  const host = await startHost(t)
  await Promise.all([host.stop(), host.stop()])
  await host.stop()
  t.pass()
})
