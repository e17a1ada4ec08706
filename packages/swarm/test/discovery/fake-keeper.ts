import type { ExecutionContext } from 'ava'
import { DepartedPeers } from '../../dist/discovery/departed-peers.js'
import { kadProtocol } from '../../dist/discovery/kad-client.js'
import { ProviderRecords } from '../../dist/discovery/provider-records.js'
import { ConnectionGate } from '../../dist/host/connection-gate.js'
import { openHostStore } from '../../dist/host/host-store.js'
import { createNode, type Node } from '../../dist/host/libp2p-node.js'
import { MessageStream } from '../../dist/host/message-stream.js'
import { parseAddress } from '../../dist/host/peer-addresses.js'
import { KadMessage } from '../../dist/wire/kad.js'
import { clusterSecret, loopback } from '../host/fixture.ts'

/** A member of the cluster whose DHT does what a test wants. */
export interface FakeKeeper {
  readonly peer: string
  readonly address: string
  readonly node: Node
  readonly records: ProviderRecords
  /** Questions it was asked about providers. */
  readonly asked: KadMessage[]
}

/** What to answer; undefined for silence. Without it kad-dht answers. */
export type Answer = (question: KadMessage) => KadMessage | undefined

export async function startFakeKeeper(t: ExecutionContext, answer?: Answer): Promise<FakeKeeper> {
  const store = await openHostStore()
  const node = await createNode(
    { store, gate: new ConnectionGate(), departed: new DepartedPeers() },
    { listen: [parseAddress(loopback)], announce: [], clusterSecret, dialTimeoutMs: 3_000 },
  )
  await node.start()
  t.teardown(() => node.stop())
  const asked: KadMessage[] = []
  if (answer !== undefined) {
    await node.unhandle(kadProtocol)
    await node.handle(kadProtocol, async (stream, connection) => {
      const messages = new MessageStream(stream, { peer: connection.remotePeer.toString() })
      for (let read = await messages.read(); read !== undefined; read = await messages.read()) {
        const question = KadMessage.decode(read)
        if (question.type === KadMessage.Type.GET_PROVIDERS) asked.push(question)
        // The asker's routing table takes in whoever answers this.
        const isPing = question.type === KadMessage.Type.PING
        const reply = isPing ? question : answer(question)
        if (reply !== undefined && question.type !== KadMessage.Type.ADD_PROVIDER) {
          await messages.send(KadMessage.encode(reply))
        }
      }
      await messages.close()
    })
  }
  const address = node.getMultiaddrs()[0]?.toString() ?? ''
  return { peer: node.peerId.toString(), address, node, records: new ProviderRecords(store.datastore), asked }
}
