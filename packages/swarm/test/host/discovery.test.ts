import { createHash } from 'node:crypto'
import { digestFromHash, digestToCid } from '@shoal/content'
import test from 'ava'
import type { CID } from 'multiformats/cid'
import { KadClient } from '../../dist/discovery/kad-client.js'
import type { SwarmHost } from '../../dist/host/swarm-host.js'
import { startFakeKeeper } from '../discovery/fake-keeper.ts'
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
  temporaryDirectory,
  withoutId,
} from './fixture.ts'

/** The tests of this file run at once: a search may take longer than it does elsewhere. */
const timeoutMs = 10_000

/** Whom a search names in the end: announcements go out in the background. */
function findSomebody(host: SwarmHost, cid: CID, count = 1): Promise<string[]> {
  return eventually(
    () => all(host.discovery.find(cid, { timeoutMs })),
    (found) => found.length >= count,
  )
}

/** Whom a node's own records name, as it tells `asker`. */
async function recordsAt(keeper: SwarmHost, cid: CID, asker: SwarmHost): Promise<string[]> {
  await asker.learnAddresses(keeper.peer, keeper.addresses())
  const client = new KadClient((peer, protocol, options) => asker.open(peer, protocol, options))
  const { providers } = await client.getProviders(keeper.peer, cid.multihash.bytes, {})
  client.stop()
  return providers.map(({ peer }) => peer)
}

/** Waits until an announcement has reached somebody. */
async function told(logger: RecordingLogger): Promise<void> {
  await logger.find(({ message, fields }) => message === 'announced' && Number(fields.told) > 0)
}

test('a node that has just joined finds who has a blob', async (t) => {
  const hosts = (await startMesh(t, 4)) as [SwarmHost, SwarmHost, SwarmHost, SwarmHost]
  const cid = randomCid()
  hosts[2].discovery.provide(cid)
  await findSomebody(hosts[0], cid)

  const newcomer = await startHost(t, { bootstrap: [addressOf(hosts[0])] })
  await nextPeer(newcomer, 'onPeerConnected')
  t.deepEqual(await findSomebody(newcomer, cid), [hosts[2].peer])
})

test('a node that has just started is named by itself', async (t) => {
  const cid = randomCid()
  const meet = async (): Promise<boolean> => {
    const provider = await startHost(t)
    provider.discovery.provide(cid)
    const newcomer = await startHost(t, { bootstrap: [addressOf(provider)] })
    await nextPeer(newcomer, 'onPeerConnected')
    const found = await all(newcomer.discovery.find(cid, { timeoutMs }))
    return found.includes(provider.peer)
  }
  // A peer that is busy with other tests may answer too late; one that names nobody in its first second never does.
  t.true(await eventually(meet, Boolean))
})

test('who was found can be reached at once', async (t) => {
  const [first, provider] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  await provider.handle('/test/1.0.0', (stream) => stream.close())
  const cid = randomCid()
  provider.discovery.provide(cid)
  await findSomebody(first, cid)
  const newcomer = await startHost(t, { bootstrap: [addressOf(first)] })
  await nextPeer(newcomer, 'onPeerConnected')
  const [peer = ''] = await findSomebody(newcomer, cid)
  const stream = await newcomer.open(peer, '/test/1.0.0')
  t.is(await stream.read(), undefined)
  await stream.close()
})

test('all who have a blob are named, each once, and not the one who asks', async (t) => {
  const hosts = await startMesh(t, 4)
  const cid = randomCid()
  for (const { discovery } of hosts) {
    discovery.provide(cid)
    discovery.provide(cid)
  }
  for (const host of hosts) {
    const others = hosts.map(({ peer }) => peer).filter((peer) => peer !== host.peer)
    const found = await findSomebody(host, cid, others.length)
    t.deepEqual(found.toSorted(), others.toSorted())
  }
})

test('a search stops at its limit', async (t) => {
  const hosts = (await startMesh(t, 4)) as [SwarmHost, ...SwarmHost[]]
  const cid = randomCid()
  for (const { discovery } of hosts) discovery.provide(cid)
  await findSomebody(hosts[0], cid, 3)
  const found = await eventually(
    () => all(hosts[0].discovery.find(cid, { limit: 2, timeoutMs })),
    (peers) => peers.length > 1,
  )
  t.is(found.length, 2)
  t.is((await all(hosts[0].discovery.find(cid, { limit: 0 }))).length, 0)
})

test('what nobody has is found nowhere', async (t) => {
  const [host] = (await startMesh(t, 3)) as [SwarmHost]
  t.deepEqual(await all(host.discovery.find(randomCid())), [])
})

test('a node alone finds nothing, and ends', async (t) => {
  const host = await startHost(t)
  const cid = randomCid()
  host.discovery.provide(cid)
  t.deepEqual(await all(host.discovery.find(cid)), [])
})

test('a blob with a SHA-512 digest is found too', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  const cid = digestToCid(digestFromHash('sha512', createHash('sha512').update('layer').digest()))
  a.discovery.provide(cid)
  t.deepEqual(await findSomebody(b, cid), [a.peer])
})

test('what was announced to nobody is announced to whoever comes', async (t) => {
  const logger = new RecordingLogger()
  const provider = await startHost(t, { logger })
  const cid = randomCid()
  provider.discovery.provide(cid)
  const keeper = await startHost(t, { bootstrap: [addressOf(provider)] })
  await told(logger)
  t.deepEqual(await recordsAt(keeper, cid, await startHost(t)), [provider.peer])
})

test('what was withdrawn is not announced any more', async (t) => {
  const [a] = (await startMesh(t, 1)) as [SwarmHost]
  const [kept, withdrawn] = [randomCid(), randomCid()]
  a.discovery.provide(kept)
  a.discovery.provide(withdrawn)
  a.discovery.withdraw(withdrawn)
  const b = await startHost(t, { bootstrap: [addressOf(a)] })
  await knows(b, 1)
  await findSomebody(b, kept)
  t.deepEqual(await all(b.discovery.find(withdrawn)), [])
})

test('what was withdrawn can be announced again', async (t) => {
  const [a, b] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  const cid = randomCid()
  a.discovery.provide(cid)
  await findSomebody(b, cid)
  a.discovery.withdraw(cid)
  a.discovery.provide(cid)
  t.deepEqual(await findSomebody(b, cid), [a.peer])
})

test('a search ends with the reason when its signal is aborted', async (t) => {
  const [host] = (await startMesh(t, 2)) as [SwarmHost]
  const reason = new Error('not needed any more')
  await t.throwsAsync(all(host.discovery.find(randomCid(), { signal: AbortSignal.abort(reason) })), {
    is: reason,
  })
})

test('stopping the host ends a search', async (t) => {
  const [host] = (await startMesh(t, 2)) as [SwarmHost]
  const search = all(host.discovery.find(randomCid(), { timeoutMs: 60_000 }))
  await host.stop()
  t.deepEqual(await search, [])
})

test('who has left is named no more, and again when it is back', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const [keeper] = (await startMesh(t, 2)) as [SwarmHost]
  const logger = new RecordingLogger()
  const provider = await startHost(t, { bootstrap: [addressOf(keeper)], dataDir, logger })
  const cid = randomCid()
  provider.discovery.provide(cid)
  await told(logger)
  const gone = nextPeer(keeper, 'onPeerDisconnected')
  await provider.stop()
  await gone
  t.deepEqual(await all(keeper.discovery.find(cid, { timeoutMs })), [])
  const newcomer = await startHost(t, { bootstrap: [addressOf(keeper)] })
  t.deepEqual(await all(newcomer.discovery.find(cid, { timeoutMs })), [])

  const back = nextPeer(keeper, 'onPeerConnected')
  await startHost(t, { bootstrap: [addressOf(keeper)], dataDir })
  await back
  t.deepEqual(await findSomebody(keeper, cid), [provider.peer])
})

test.serial('a provider of eight days ago still has addresses', async (t) => {
  const logger = new RecordingLogger()
  const keeper = await startFakeKeeper(t)
  const provider = await startHost(t, { bootstrap: [keeper.address], logger })
  const address = withoutId(addressOf(provider))
  const cid = randomCid()
  provider.discovery.provide(cid)
  await told(logger)
  await provider.stop()

  const now = Date.now
  t.teardown(() => {
    Date.now = now
  })
  Date.now = () => now() + 8 * 24 * 3_600_000
  const newcomer = await startHost(t, { bootstrap: [keeper.address] })
  await nextPeer(newcomer, 'onPeerConnected')
  t.deepEqual(await findSomebody(newcomer, cid), [provider.peer])
  t.deepEqual(await newcomer.addressesOf(provider.peer), [address])
})
