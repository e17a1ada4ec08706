import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import test from 'ava'
import { defaultContactLimits } from '../../dist/host/contacts.js'
import { TableAdmission } from '../../dist/host/table-admission.js'

async function inventPeer(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

/** Admission to the table of a node that is connected to some, and dials others as `dial` says. */
async function startAdmission(
  connected: readonly PeerId[] = [],
  dial: () => Promise<Connection> = async () => ({}) as Connection,
) {
  const dialled: string[] = []
  const connectionManager = {
    getConnections: (peer: PeerId) =>
      connected.some((other) => other.equals(peer)) ? [{} as Connection] : [],
    openConnection: (peer: PeerId) => {
      dialled.push(peer.toString())
      return dial()
    },
  }
  const admission = new TableAdmission({ peerId: await inventPeer(), connectionManager }, 3_000)
  return { admission, dialled }
}

test('a peer that is connected comes into the table without another message', async (t) => {
  const peer = await inventPeer()
  const { admission, dialled } = await startAdmission([peer])
  await admission.ping(peer)
  t.deepEqual(dialled, [])
  t.true(admission.contacts.has(peer.toString()))
})

test('in a large cluster most of those of whom a node hears are not dialled', async (t) => {
  const { admission, dialled } = await startAdmission()
  const peers = await Promise.all(Array.from({ length: 200 }, inventPeer))
  await Promise.allSettled(peers.map((peer) => admission.ping(peer)))
  t.true(dialled.length >= defaultContactLimits.few)
  t.true(dialled.length < 80, `${dialled.length} of 200`)
})

test('a peer that can not be reached leaves room for another', async (t) => {
  const { admission } = await startAdmission([], () => Promise.reject(new Error('nobody there')))
  const peer = await inventPeer()
  await t.throwsAsync(admission.ping(peer), { message: 'nobody there' })
  t.false(admission.contacts.has(peer.toString()))
})

test('a dial that was begun goes on when kad-dht has no more patience', async (t) => {
  let isAborted = false
  const connectionManager = {
    getConnections: () => [],
    openConnection: (_: PeerId, { signal }: { signal?: AbortSignal }) => {
      signal?.addEventListener('abort', () => {
        isAborted = true
      })
      return new Promise<Connection>(() => undefined)
    },
  }
  const admission = new TableAdmission({ peerId: await inventPeer(), connectionManager }, 60_000)
  const reason = new Error('too slow')
  const peer = await inventPeer()
  await t.throwsAsync(admission.ping(peer, { signal: AbortSignal.abort(reason) }), { is: reason })
  t.false(isAborted)
})
