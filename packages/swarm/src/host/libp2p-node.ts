import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT } from '@libp2p/kad-dht'
import { isLoopback } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { DepartedPeers } from '../discovery/departed-peers.ts'
import { kadProtocol } from '../discovery/kad-client.ts'
import { noiseEncrypters } from '../noise/noise-encrypter.ts'
import { tcpTransport } from '../tcp/tcp-transport.ts'
import type { ClusterSecret } from './cluster-secret.ts'
import type { ConnectionGate } from './connection-gate.ts'
import type { HostStore } from './host-store.ts'
import { withoutRefresh } from './kad-routing-table.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import { TableAdmission, type TableAdmissionComponents } from './table-admission.ts'
import { yamuxWithRareUpdates } from './window-updates.ts'

const mebibyte = 1024 * 1024
const secondMs = 1_000
const hourMs = 3_600 * secondMs

/** Covers 10 Gbit/s at a round trip of 3 ms; the 16 MiB that yamux grows to otherwise gain nothing and cost memory. */
const maxStreamWindowBytes = 4 * mebibyte

/** The longest that a timer takes. */
const never = 2 ** 31 - 1
/** Kademlia's k: below this many nodes everyone knows everyone, and every record is everywhere. */
export const bucketSize = 20

export interface NodeInit {
  readonly listen: readonly Multiaddr[]
  readonly announce: readonly Multiaddr[]
  readonly clusterSecret: ClusterSecret
  readonly dialTimeoutMs: number
}

export interface NodeComponents {
  readonly store: HostStore
  readonly gate: ConnectionGate
  readonly departed: DepartedPeers
}

export type Node = Libp2p<{ identify: Identify; ping: TableAdmission; dht: KadDHT }>

/** A libp2p node, not started, with every default replaced that does not hold in a private cluster. */
export async function createNode({ store, gate, departed }: NodeComponents, init: NodeInit): Promise<Node> {
  const node = await createLibp2p({
    ...libp2pLogger(),
    start: false,
    privateKey: store.privateKey,
    datastore: store.datastore,
    nodeInfo: { name: 'shoal', version: '1', userAgent: 'shoal' },
    addresses: {
      listen: init.listen.map(String),
      announce: init.announce.map(String),
      announceFilter: withoutLoopback,
    },
    transports: [tcpTransport()],
    connectionEncrypters: noiseEncrypters({ prologue: init.clusterSecret.noisePrologue() }),
    streamMuxers: [
      yamuxWithRareUpdates({
        streamOptions: {
          maxStreamWindowSize: maxStreamWindowBytes,
          // A paused stream can still receive a window; above this limit libp2p aborts it.
          maxReadBufferLength: 2 * maxStreamWindowBytes,
        },
      }),
    ],
    connectionGater: gate.asGater(),
    connectionManager: {
      maxConnections: 1_000,
      // By default five a second from one address: nodes behind one NAT, or on one machine, get ECONNRESET.
      inboundConnectionThreshold: 1_000,
      maxIncomingPendingConnections: 256,
      dialTimeout: init.dialTimeoutMs,
      // One dead address of several must not use up the whole.
      addressDialTimeout: Math.ceil((init.dialTimeoutMs * 2) / 3),
      // Of many nodes that start together on one machine, the last to be served waits for all handshakes.
      inboundUpgradeTimeout: 10 * secondMs,
      inboundStreamProtocolNegotiationTimeout: 5 * secondMs,
      outboundStreamProtocolNegotiationTimeout: 5 * secondMs,
    },
    // LinkMonitor does this.
    connectionMonitor: { enabled: false },
    // libp2p counts the age of an address from its first sighting, even of a peer that is connected; and a peer
    // without addresses vanishes from all answers. A peer's next identify replaces what is stale.
    peerStore: { maxAddressAge: Number.POSITIVE_INFINITY, maxPeerAge: 168 * hourMs },
    services: {
      identify: identify({ protocolPrefix: 'shoal' }),
      // kad-dht takes the service of this name for libp2p's ping.
      ping: (components: TableAdmissionComponents) => new TableAdmission(components),
      dht: kadDHT({
        protocol: kadProtocol,
        clientMode: false,
        // By default private addresses are left out, which ours are. Whom is without addresses is named to nobody.
        peerInfoMapper: (info) => (departed.has(info.id.toString()) ? { ...info, multiaddrs: [] } : info),
        allowQueryWithZeroPeers: true,
        kBucketSize: bucketSize,
        // RoutingTableKeeper does this.
        initialQuerySelfInterval: never,
        querySelfInterval: never,
        // Enough that three peers which hang do not hold up a query.
        alpha: 6,
        disjointPaths: 1,
        // By default one hung peer makes every query take 5 s, then 10 s, up to 60 s. A busy one can take half a second.
        networkDialTimeout: { minTimeout: secondMs, maxTimeout: 2 * secondMs },
        // Only to throw away what has expired: Announcer repeats our own records earlier, and at a pace.
        reprovide: { validity: 24 * hourMs, threshold: 0, interval: hourMs, concurrency: 1 },
      }),
    },
  })
  withoutRefresh(node.services.dht)
  return node
}

/** A node with other addresses tells nobody of 127.0.0.1, which on their side would be they themselves. */
function withoutLoopback(addresses: Multiaddr[]): Multiaddr[] {
  const others = addresses.filter((address) => !isLoopback(address))
  return others.length > 0 ? others : addresses
}
