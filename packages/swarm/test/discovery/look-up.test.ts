import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import test, { type ExecutionContext } from 'ava'
import type { SwarmHost } from '../../dist/host/swarm-host.js'
import type { KadMessage } from '../../dist/wire/kad.js'
import {
  addressOf,
  all,
  eventually,
  knows,
  nextPeer,
  RecordingLogger,
  randomCid,
  startHost,
  startMesh,
} from '../host/fixture.ts'
import { type Answer, startFakeKeeper } from './fake-keeper.ts'

/** Nothing here is to come near it: a search that does is one that hangs. One test at a time: most of them count. */
const timeoutMs = 60_000

const nothing: Answer = ({ type, key }) => ({ type, ...(key && { key }), closer: [], providers: [] })

/** A host that looks for blobs among the others, and says how its searches ended. */
async function startAsker(t: ExecutionContext, ...addresses: string[]) {
  const logger = new RecordingLogger()
  const host = await startHost(t, { bootstrap: addresses, logger, timings: { openTimeoutMs: 3_000 } })
  await eventually(
    async () => host.connectedPeers().length,
    (count) => count >= addresses.length,
  )
  const endedEarly = (): boolean =>
    logger.lines.some(({ message }) => message === 'search for providers did not end by itself')
  return { host, endedEarly }
}

/** A provider that has told those who were there; it keeps the record itself too. */
async function startProvider(t: ExecutionContext, bootstrap: string[] = []) {
  const logger = new RecordingLogger()
  const host = await startHost(t, { bootstrap, logger })
  const cid = randomCid()
  host.discovery.provide(cid)
  const isTold = (told: unknown): boolean => bootstrap.length === 0 || Number(told) > 0
  await logger.find(({ message, fields }) => message === 'announced' && isTold(fields.told))
  return { host, cid }
}

test.serial('a node that joins finds within two seconds who has a blob', async (t) => {
  const hosts = (await startMesh(t, 5)) as [SwarmHost, ...SwarmHost[]]
  const { host: provider, cid } = await startProvider(t, hosts.map(addressOf))
  const newcomer = await startHost(t, { bootstrap: [addressOf(hosts[0])] })
  t.deepEqual(await all(newcomer.discovery.find(cid, { timeoutMs: 2_000 })), [provider.peer])
})

test.serial('peers that take questions and answer none hold up no search', async (t) => {
  const { host: provider, cid } = await startProvider(t)
  const silent = await Promise.all([1, 2, 3].map(() => startFakeKeeper(t, () => undefined)))
  const asker = await startAsker(t, addressOf(provider), ...silent.map(({ address }) => address))
  t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
  t.deepEqual(await all(asker.host.discovery.find(randomCid(), { timeoutMs })), [])
  t.false(asker.endedEarly())
  t.true(silent.some(({ asked }) => asked.length > 0))
})

test.serial('a peer that invents others, ever closer and out of reach, holds up no search', async (t) => {
  const { host: provider, cid } = await startProvider(t)
  const inventions = await Promise.all(Array.from({ length: 64 }, () => inventPeer()))
  const liar = await startFakeKeeper(
    t,
    (question) => ({ ...nothing(question), closer: inventions }) as KadMessage,
  )
  const asker = await startAsker(t, addressOf(provider), liar.address)
  t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
  t.deepEqual(await all(asker.host.discovery.find(randomCid(), { timeoutMs })), [])
  t.false(asker.endedEarly())
  t.true(liar.asked.length > 0)
})

test.serial('a peer whose answers are garbage, or none of the protocol, is passed over', async (t) => {
  const { host: provider, cid } = await startProvider(t)
  const garbage = { id: randomBytes(40), multiaddrs: [randomBytes(20)] }
  const liar = await startFakeKeeper(
    t,
    (question) => ({ ...nothing(question), providers: [garbage], closer: [garbage] }) as KadMessage,
  )
  const asker = await startAsker(t, addressOf(provider), liar.address)
  t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
  t.false(asker.endedEarly())
  t.true(liar.asked.length > 0)
})

test.serial(
  'a peer that keeps a record of somebody it never met resets the stream, and the others answer',
  async (t) => {
    const { host: provider, cid } = await startProvider(t)
    const keeper = await startFakeKeeper(t)
    const stranger = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    await keeper.records.add(cid, stranger)
    const asker = await startAsker(t, addressOf(provider), keeper.address)
    t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
    t.false(asker.endedEarly())
  },
)

test.serial(
  'who looks for the same blob at the same time shares a search, and the next ones what it found',
  async (t) => {
    const { host: provider, cid } = await startProvider(t)
    const asker = await startAsker(t, addressOf(provider))
    const before = asker.host.discovery.messagesSent
    const searches = Array.from({ length: 20 }, () => all(asker.host.discovery.find(cid, { timeoutMs })))
    for (const found of await Promise.all(searches)) t.deepEqual(found, [provider.peer])
    t.is(asker.host.discovery.messagesSent - before, 1)
    t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
    t.is(asker.host.discovery.messagesSent - before, 1)
  },
)

test.serial('that nobody has a blob is asked once for all who look for it', async (t) => {
  const { host: provider } = await startProvider(t)
  const asker = await startAsker(t, addressOf(provider))
  const before = asker.host.discovery.messagesSent
  const cid = randomCid()
  for (let n = 0; n < 10; n++) t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [])
  t.is(asker.host.discovery.messagesSent - before, 1)
})

test.serial(
  'a search ends as soon as its limit is reached, and the peers are not asked further',
  async (t) => {
    const cid = randomCid()
    const provider = await inventPeer()
    const knowing: Answer = (question) => ({ ...nothing(question), providers: [provider] }) as KadMessage
    const keepers = await Promise.all(Array.from({ length: 12 }, () => startFakeKeeper(t, knowing)))
    const asker = await startAsker(t, ...keepers.map(({ address }) => address))
    const found = await all(asker.host.discovery.find(cid, { limit: 1, timeoutMs }))
    t.is(found.length, 1)
    // Some may be late on a busy machine, so that others are asked too.
    t.true(asker.host.discovery.messagesSent < keepers.length)
  },
)

test.serial('a search ends when three have named somebody, though more could be asked', async (t) => {
  const provider = await inventPeer()
  const knowing: Answer = (question) => ({ ...nothing(question), providers: [provider] }) as KadMessage
  const keepers = await Promise.all(Array.from({ length: 12 }, () => startFakeKeeper(t, knowing)))
  const asker = await startAsker(t, ...keepers.map(({ address }) => address))
  t.is((await all(asker.host.discovery.find(randomCid(), { timeoutMs }))).length, 1)
  // Three who answer, those who were asked in place of the first two of them, and on a busy machine some for the late.
  t.true(asker.host.discovery.messagesSent < keepers.length)
})

test.serial(
  'a provider that was of no use is not named again, neither from memory nor by others',
  async (t) => {
    const [first] = (await startMesh(t, 2)) as [SwarmHost]
    const { host: provider, cid } = await startProvider(t, [addressOf(first)])
    const asker = await startAsker(t, addressOf(first), addressOf(provider))
    t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
    asker.host.discovery.failed(cid, provider.peer, 'empty')
    t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [])
    t.deepEqual(await all(first.discovery.find(cid, { timeoutMs })), [provider.peer])
  },
)

test.serial('a provider that was out of reach is named again once it has connected', async (t) => {
  const { host: provider, cid } = await startProvider(t)
  const asker = await startAsker(t, addressOf(provider))
  asker.host.discovery.failed(randomCid(), provider.peer, 'unreachable')
  t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [])
  await asker.host.ban(provider.peer, 1)
  const back = nextPeer(asker.host, 'onPeerConnected')
  await provider.learnAddresses(asker.host.peer, asker.host.addresses())
  await provider.handle('/test/1.0.0', (stream) => stream.close())
  await asker.host.handle('/test/1.0.0', (stream) => stream.close())
  await (
    await eventually(() => provider.open(asker.host.peer, '/test/1.0.0').catch(() => undefined), Boolean)
  )?.close()
  await back
  await knows(asker.host, 1)
  t.deepEqual(await all(asker.host.discovery.find(cid, { timeoutMs })), [provider.peer])
})

async function inventPeer() {
  const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  return {
    id: Uint8Array.from(id.toMultihash().bytes),
    // Nobody listens there.
    multiaddrs: [Uint8Array.from(multiaddr('/ip4/127.0.0.1/tcp/9').bytes)],
  }
}
