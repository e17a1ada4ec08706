import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import test from 'ava'
import { TableAdmission } from '../../dist/host/table-admission.js'

async function inventPeer(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

const connected = await inventPeer()
const connectionManager = {
  getConnections: (peer: PeerId) => (peer.equals(connected) ? [{} as Connection] : []),
}

test('a peer that is connected comes into the table', async (t) => {
  t.is(await new TableAdmission({ connectionManager }).ping(connected), 0)
})

test('a peer that somebody named is not dialled for the table', async (t) => {
  const admission = new TableAdmission({ connectionManager })
  await t.throwsAsync(admission.ping(await inventPeer()), { code: 'PEER_NOT_CONNECTED' })
})
