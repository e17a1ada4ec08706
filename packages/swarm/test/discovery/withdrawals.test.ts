import test from 'ava'
import { KadClient } from '../../dist/discovery/kad-client.js'
import { withdrawProtocol } from '../../dist/discovery/withdrawals.js'
import type { SwarmHost } from '../../dist/host/swarm-host.js'
import { Withdrawal } from '../../dist/wire/withdrawal.js'
import {
  addressOf,
  all,
  eventually,
  RecordingLogger,
  randomCid,
  startHost,
  startMesh,
} from '../host/fixture.ts'
import { startFakeKeeper } from './fake-keeper.ts'

const timeoutMs = 60_000

/** A provider in a mesh of three, whose announcement has reached both others. */
async function startAnnounced(t: Parameters<typeof startHost>[0]) {
  const [keeper, other] = (await startMesh(t, 2)) as [SwarmHost, SwarmHost]
  const logger = new RecordingLogger()
  const provider = await startHost(t, { bootstrap: [addressOf(keeper), addressOf(other)], logger })
  await eventually(
    async () => provider.connectedPeers().length,
    (count) => count === 2,
  )
  const cid = randomCid()
  provider.discovery.provide(cid)
  await logger.find(({ message, fields }) => message === 'announced' && fields.told === 2)
  const client = new KadClient((peer, protocol, options) => other.open(peer, protocol, options))
  t.teardown(() => client.stop())
  /** Whom the keeper's records name. */
  const kept = async (): Promise<string[]> => {
    const { providers } = await client.getProviders(keeper.peer, cid.multihash.bytes, {})
    return providers.map(({ peer }) => peer)
  }
  return { keeper, other, provider, cid, kept }
}

test('what is withdrawn is forgotten by those who were told', async (t) => {
  const { keeper, provider, cid, kept } = await startAnnounced(t)
  t.deepEqual(await kept(), [provider.peer])
  provider.discovery.withdraw(cid)
  await eventually(kept, (peers) => peers.length === 0)
  t.deepEqual(await all(keeper.discovery.find(cid, { timeoutMs })), [])
})

test('nobody can withdraw what another has announced', async (t) => {
  const { keeper, other, provider, cid, kept } = await startAnnounced(t)
  const own = randomCid()
  const stream = await other.open(keeper.peer, withdrawProtocol)
  await stream.send(
    Withdrawal.encode({ keys: [Uint8Array.from(cid.multihash.bytes), Uint8Array.from(own.multihash.bytes)] }),
  )
  await stream.close()
  // The end of its answer comes when all was read.
  t.is(await stream.read(), undefined)
  t.deepEqual(await kept(), [provider.peer])
})

test('a malformed withdrawal ends its stream and nothing else', async (t) => {
  const { keeper, other, provider, kept } = await startAnnounced(t)
  const stream = await other.open(keeper.peer, withdrawProtocol)
  await stream.send(Uint8Array.of(0xff, 0xff, 0xff))
  await t.throwsAsync(stream.read(), { code: 'STREAM_CLOSED' })
  t.deepEqual(await kept(), [provider.peer])
})

test('records are kept where kad-dht looks for them, and taken from where it keeps them', async (t) => {
  const keeper = await startFakeKeeper(t)
  const host = await startHost(t, { bootstrap: [keeper.address] })
  await eventually(
    async () => host.connectedPeers().length,
    (count) => count === 1,
  )
  const [announced, added] = [randomCid(), randomCid()]
  host.discovery.provide(announced)
  await eventually(
    () => keeper.records.providersOf(announced),
    (peers) => peers.includes(host.peer),
  )
  await keeper.records.add(added, host.peer)
  const client = new KadClient((peer, protocol, options) => host.open(peer, protocol, options))
  t.teardown(() => client.stop())
  const { providers } = await client.getProviders(keeper.peer, added.multihash.bytes, {})
  t.deepEqual(
    providers.map(({ peer }) => peer),
    [host.peer],
  )
  await keeper.records.add(added, keeper.peer)
  t.is(await keeper.records.removeAllOf(new Set([host.peer])), 2)
  t.deepEqual(await keeper.records.providersOf(announced), [])
  t.deepEqual(await keeper.records.providersOf(added), [keeper.peer])
})
