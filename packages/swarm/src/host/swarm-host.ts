import { type AbortOptions, ShoalError } from '@shoal/content'
import { DepartedPeers } from '../discovery/departed-peers.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { type NameService, systemNames } from './bootstrap-names.ts'
import { type BootstrapSchedule, defaultBootstrapSchedule } from './bootstrap-schedule.ts'
import { multicast, parseBootstrapSource } from './bootstrap-source.ts'
import type { ClusterSecret } from './cluster-secret.ts'
import { ConnectionGate } from './connection-gate.ts'
import { PeerUnreachableError } from './errors.ts'
import { type HostLogger, silentLogger } from './host-logger.ts'
import { openHostStore } from './host-store.ts'
import { Libp2pHost } from './libp2p-host.ts'
import { createNode, type Node } from './libp2p-node.ts'
import type { MessageStream } from './message-stream.ts'
import { parseAddress } from './peer-addresses.ts'

export { PeerUnreachableError }

/** How long the host waits for others, in milliseconds. */
export interface HostTimings {
  /** For {@link SwarmHost.open}, dial and handshake included. @default 3000 */
  readonly openTimeoutMs: number
  /** How often connections are checked for peers that hang. @default 1000 */
  readonly linkIntervalMs: number
  /** Silence on a connection after which the peer is probed. @default 5000 */
  readonly linkIdleMs: number
  /** How long it may take to answer before the connection is cut. @default 4000 */
  readonly linkTimeoutMs: number
  /** How often the routing table is brought up to date. @default 30000 */
  readonly routingIntervalMs: number
  readonly bootstrap: BootstrapSchedule
}

const defaultTimings: HostTimings = {
  openTimeoutMs: 3_000,
  linkIntervalMs: 1_000,
  // A busy machine can be seconds late with an answer. A peer that hangs is gone from all queries in 10 s.
  linkIdleMs: 5_000,
  linkTimeoutMs: 4_000,
  routingIntervalMs: 30_000,
  bootstrap: defaultBootstrapSchedule,
}

export interface SwarmHostInit {
  /** Addresses to listen on, such as `/ip4/0.0.0.0/tcp/5006`; port 0 takes any. */
  readonly listen: readonly string[]
  /** Addresses to tell others, where those listened on do not lead to us. @default those listened on */
  readonly announce?: readonly string[] | undefined
  readonly clusterSecret: ClusterSecret
  /** Where this node is: between different zones chunks cross about once. Empty for nowhere in particular. */
  readonly zone?: string | undefined
  /**
   * Where to find the first peers: multiaddrs with or without `/p2p/<id>`, with names that stand for many nodes, `srv:<name>`
   * for DNS SRV records, `file:<path>` for a file with a multiaddr a line, `mdns` for whoever is on the network segment. Our own
   * address may be among them.
   */
  readonly bootstrap?: readonly string[] | undefined
  /** @default the resolver of this machine */
  readonly names?: NameService | undefined
  /** Keeps our identity. Without one, it lives as long as the host. */
  readonly dataDir?: string | undefined
  readonly logger?: HostLogger | undefined
  readonly timings?: Partial<HostTimings> | undefined
}

export interface OpenOptions extends AbortOptions {
  /** Longest message to accept. @default 65536 */
  readonly maxMessageBytes?: number | undefined
}

export interface HandleOptions {
  /** Streams that one peer may have open, on each of its connections. @default 32 */
  readonly maxStreamsPerPeer?: number | undefined
  /** Longest message to accept. @default 65536 */
  readonly maxMessageBytes?: number | undefined
}

export type StreamHandler = (stream: MessageStream) => Promise<void>
export type PeerListener = (peer: string) => void

/** This node's place among its peers: connections, streams, and who has what. Peers are known by their id. */
export interface SwarmHost {
  /** Our own id. */
  readonly peer: string
  /** Where we are; empty for nowhere in particular. */
  readonly zone: string
  readonly discovery: Discovery
  /** Where we can be reached, with `/p2p/<id>`. */
  addresses(): string[]
  connectedPeers(): string[]
  /** Nobody else is known, and a first look for others has ended. */
  readonly isAlone: boolean
  /**
   * How many peers count for {@link closestPeers}: up to 20 know each other, and agree on a key's closest peer once all do;
   * in a larger cluster a node knows some of each part of the keyspace, and asks them.
   */
  routablePeers(): number
  /** About how many peers the cluster has, those included that this node need not know. */
  estimatedPeers(): number
  /**
   * Opens a stream, dialling if need be. A stream that the peer's limit refuses opens, and is reset at once.
   *
   * @throws PeerUnreachableError
   */
  open(peer: string, protocol: string, options?: OpenOptions): Promise<MessageStream>
  /** Serves a protocol. The handler owns the stream; when it rejects, that is logged and the stream aborted. */
  handle(protocol: string, handler: StreamHandler, options?: HandleOptions): Promise<void>
  /** Remembers what somebody told of a peer's addresses, as far as they make sense; {@link open} dials them. */
  learnAddresses(peer: string, addresses: readonly string[]): Promise<void>
  /** What is known of a peer's addresses, to tell others; ours for our own id. */
  addressesOf(peer: string): Promise<string[]>
  /**
   * The `count` live peers closest to a key in Kademlia's keyspace, ourselves included, closest first. Takes up to
   * half a second in clusters of more than 20 nodes, and up to a second where this node has just started and meets them.
   */
  closestPeers(key: Uint8Array, count: number, options?: AbortOptions): Promise<string[]>
  /** Calls back when a peer begins to count for {@link closestPeers}. Returns a function that ends the subscription. */
  onPeerRoutable(listener: PeerListener): () => void
  onPeerConnected(listener: PeerListener): () => void
  onPeerDisconnected(listener: PeerListener): () => void
  /** Closes the connections with a peer and refuses others for `durationMs`. */
  ban(peer: string, durationMs: number): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a host. It is up when this resolves; it looks for its peers in the background.
 *
 * @throws InvalidInputError `ADDRESS_INVALID`, `HOST_KEY_INVALID`
 * @throws StoreError `not-writable`
 * @throws ShoalError `LISTEN_FAILED`
 */
export async function createSwarmHost(init: SwarmHostInit): Promise<SwarmHost> {
  const { clusterSecret } = init
  const listen = init.listen.map(parseAddress)
  const announce = (init.announce ?? []).map(parseAddress)
  const places = init.bootstrap ?? []
  const bootstrap = places
    .filter((place) => place !== multicast)
    .map((place) => parseBootstrapSource(place, init.names ?? systemNames))
  const serviceTag = places.includes(multicast) ? clusterSecret.serviceTag() : undefined
  const timings = { ...defaultTimings, ...init.timings }
  const logger = init.logger ?? silentLogger
  const gate = new ConnectionGate()
  const departed = new DepartedPeers()
  const store = await openHostStore(init.dataDir)
  const { openTimeoutMs: dialTimeoutMs } = timings
  const node = await createNode({ store, gate, departed }, { listen, announce, clusterSecret, dialTimeoutMs })
  await startNode(node)
  const host = new Libp2pHost(
    { node, store, gate, departed, logger },
    { zone: init.zone ?? '', bootstrap, serviceTag, timings },
  )
  await host.start()
  return host
}

async function startNode(node: Node): Promise<void> {
  try {
    await node.start()
  } catch (cause) {
    const error = cause as Error
    if (error.name !== 'UnsupportedListenAddressesError') throw error
    const reasons = listenFailures(error.message)
    throw new ShoalError(
      'LISTEN_FAILED',
      `can't listen on ${reasons}: choose another address, or stop what uses it`,
      { cause },
    )
  }
}

/** libp2p's message has one address a line, each with a stack trace. */
function listenFailures(message: string): string {
  const failures = [...message.matchAll(/^\s*(\/\S+): \w*Error: (.+)$/gm)]
  return failures.map(([, address, reason]) => `${address} (${reason})`).join(', ') || message
}
