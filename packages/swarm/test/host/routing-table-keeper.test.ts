import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import test, { type ExecutionContext } from 'ava'
import { Contacts, defaultContactLimits } from '../../dist/host/contacts.js'
import { silentLogger } from '../../dist/host/host-logger.js'
import type { KadRoutingTable } from '../../dist/host/kad-routing-table.js'
import { RoutingTableKeeper } from '../../dist/host/routing-table-keeper.js'

async function inventPeer(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

/** kad-dht's table as far as the keeper uses it. */
class Table extends EventTarget {
  readonly peers = new Set<string>()

  get size(): number {
    return this.peers.size
  }

  take(peer: PeerId): void {
    this.peers.add(peer.toString())
    this.dispatchEvent(new CustomEvent('peer:add', { detail: peer }))
  }

  async remove(peer: PeerId): Promise<void> {
    this.peers.delete(peer.toString())
  }
}

/** A keeper that hears of all peers from whomever it asks; `dial` says what becomes of a dial. */
async function startKeeper(
  t: ExecutionContext,
  peers: readonly PeerId[],
  dial: (table: Table, peer: PeerId) => Promise<void>,
) {
  const table = new Table()
  const self = await inventPeer()
  const contacts = new Contacts(self.toString())
  const dialled: string[] = []
  const grown = Promise.withResolvers<void>()
  const keeper = new RoutingTableKeeper(
    {
      self,
      table: table as unknown as KadRoutingTable,
      contacts,
      connections: (peer) =>
        peer !== undefined && table.peers.has(peer.toString()) ? [{} as Connection] : [],
      explore: async () => peers.map((peer) => ({ peer: peer.toString(), addresses: [] })),
      learn: async () => undefined,
      dial: (peer) => {
        dialled.push(peer.toString())
        return dial(table, peer)
      },
      logger: silentLogger,
    },
    { intervalMs: 60_000, dialTimeoutMs: 60_000, onGrowth: () => grown.resolve() },
  )
  keeper.start()
  t.teardown(() => keeper.stop())
  table.take(await inventPeer())
  await grown.promise
  return { table, contacts, dialled, keeper }
}

test('of two hundred of whom a node hears it connects with those it wants', async (t) => {
  const peers = await Promise.all(Array.from({ length: 200 }, inventPeer))
  const { dialled, table } = await startKeeper(t, peers, async (table, peer) => table.take(peer))
  t.true(dialled.length >= defaultContactLimits.few)
  t.true(dialled.length < 80, `${dialled.length} of 200`)
  t.is(new Set(dialled).size, dialled.length)
  t.is(table.size, dialled.length + 1)
})

test('whoever can not be reached leaves room for the next', async (t) => {
  const peers = await Promise.all(Array.from({ length: 60 }, inventPeer))
  const { dialled, contacts } = await startKeeper(t, peers, () => Promise.reject(new Error('nobody there')))
  t.deepEqual(dialled.toSorted(), peers.map(String).toSorted())
  t.false(peers.some((peer) => contacts.has(peer.toString())))
})

test('whoever has gone is no contact any more', async (t) => {
  const [peer] = [await inventPeer()]
  const { table, contacts, keeper } = await startKeeper(t, [peer], async (table, other) => table.take(other))
  t.true(contacts.has(peer.toString()))
  table.peers.delete(peer.toString())
  await keeper.drop(peer)
  t.false(contacts.has(peer.toString()))
})
