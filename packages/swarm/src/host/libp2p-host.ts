import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import { type AbortOptions, InvalidInputError } from '@shoal/content'
import type { DepartedPeers } from '../discovery/departed-peers.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { Kademlia } from '../discovery/kademlia.ts'
import { ProviderRecords } from '../discovery/provider-records.ts'
import { abortable } from './abortable.ts'
import { Bootstrap } from './bootstrap.ts'
import type { BootstrapSource } from './bootstrap-source.ts'
import type { ConnectionGate } from './connection-gate.ts'
import { Contacts } from './contacts.ts'
import { PeerUnreachableError } from './errors.ts'
import type { HostLogger } from './host-logger.ts'
import type { HostStore } from './host-store.ts'
import { type KadRoutingTable, routingTableOf } from './kad-routing-table.ts'
import type { Node } from './libp2p-node.ts'
import { LinkMonitor } from './link-monitor.ts'
import { MessageStream } from './message-stream.ts'
import { MulticastPeers } from './multicast-peers.ts'
import { PeerAddresses, peerIn } from './peer-addresses.ts'
import { RoutingTableKeeper } from './routing-table-keeper.ts'
import type {
  HandleOptions,
  HostTimings,
  OpenOptions,
  PeerListener,
  StreamHandler,
  SwarmHost,
} from './swarm-host.ts'

/** Streams are limited by whoever serves them. */
const maxOutboundStreams = 1_024
/** Who has just started meets the others within this time, or goes on as if there were none. */
const joinPatienceMs = 1_000
/** So soon after it is connected a peer is in the routing table: it has to say first what it serves. */
const introductionMs = 250
/** What is left open after this goes with the process. */
const stopTimeoutMs = 5_000

export interface Libp2pHostComponents {
  /** Started; stopped with the host. */
  readonly node: Node
  readonly store: HostStore
  readonly gate: ConnectionGate
  readonly departed: DepartedPeers
  readonly logger: HostLogger
}

export interface Libp2pHostInit {
  readonly zone: string
  readonly bootstrap: readonly BootstrapSource[]
  /** Under which nodes of the network segment answer, if we look for peers there. */
  readonly serviceTag: string | undefined
  readonly timings: HostTimings
}

/** {@link SwarmHost} on a libp2p node: puts together what keeps its mesh alive. */
export class Libp2pHost implements SwarmHost {
  readonly peer: string
  readonly zone: string
  readonly discovery: Discovery
  readonly #components: Libp2pHostComponents
  readonly #timings: HostTimings
  readonly #table: KadRoutingTable
  readonly #contacts: Contacts
  readonly #addresses: PeerAddresses
  readonly #kademlia: Kademlia
  readonly #monitor: LinkMonitor
  readonly #keeper: RoutingTableKeeper
  readonly #bootstrap: Bootstrap
  readonly #multicast: MulticastPeers | undefined
  readonly #stopping = new AbortController()
  /** The first look for peers has ended. */
  #hasLooked = false
  #stopped: Promise<void> | undefined

  constructor(components: Libp2pHostComponents, init: Libp2pHostInit) {
    const { node, logger } = components
    const { dht } = node.services
    const { timings } = init
    const connections = (peer?: PeerId): Connection[] => node.getConnections(peer)
    this.#components = components
    this.#timings = timings
    this.peer = node.peerId.toString()
    this.zone = init.zone
    this.#table = routingTableOf(dht)
    this.#contacts = new Contacts(this.peer)
    this.#addresses = new PeerAddresses(node.peerStore)
    this.#monitor = new LinkMonitor(
      { connections, logger },
      { intervalMs: timings.linkIntervalMs, idleMs: timings.linkIdleMs, timeoutMs: timings.linkTimeoutMs },
    )
    this.#keeper = new RoutingTableKeeper(
      {
        self: node.peerId,
        table: this.#table,
        contacts: this.#contacts,
        connections,
        explore: (key, signal) => this.#kademlia.explore(key, signal),
        learn: (peer, addresses) => this.learnAddresses(peer, addresses),
        dial: (peer, signal) => node.dial(peer, { signal }),
        logger,
      },
      {
        intervalMs: timings.routingIntervalMs,
        dialTimeoutMs: timings.openTimeoutMs,
        onGrowth: () => this.#review(),
      },
    )
    this.#multicast = init.serviceTag === undefined ? undefined : this.#multicastPeers(init.serviceTag)
    const sources = this.#multicast === undefined ? init.bootstrap : [...init.bootstrap, this.#multicast]
    this.#bootstrap = new Bootstrap(
      {
        self: this.peer,
        dial: (address, signal) => node.dial(onlyPeer(address) ?? address, { signal }),
        connectedPeers: () => this.connectedPeers(),
        logger,
        random: Math.random,
      },
      { sources, schedule: timings.bootstrap, dialTimeoutMs: timings.openTimeoutMs },
    )
    const joined = this.#firstPeer()
    void joined.then(() => {
      this.#hasLooked = true
    })
    this.#kademlia = new Kademlia({
      self: this.peer,
      table: this.#table,
      records: new ProviderRecords(components.store.datastore),
      departed: components.departed,
      logger,
      open: (peer, protocol, options) => this.open(peer, protocol, options),
      handle: (protocol, handler, options) => this.handle(protocol, handler, options),
      connectedPeers: () => this.connectedPeers(),
      learn: (peer, addresses) => this.learnAddresses(peer, addresses),
      addresses: () => this.#listening().map(String),
      clusterSize: () => this.estimatedPeers(),
      joined,
    })
    this.discovery = this.#kademlia.discovery
  }

  async start(): Promise<void> {
    const { node } = this.#components
    node.addEventListener('peer:connect', this.#onConnect)
    node.addEventListener('peer:disconnect', this.#onDisconnect)
    // libp2p takes a second to note its own addresses, and until then leaves us out of answers about providers.
    await node.peerStore.patch(node.peerId, { multiaddrs: this.#listening() })
    await this.#kademlia.start()
    this.#monitor.start()
    this.#keeper.start()
    await this.#multicast?.start()
    this.#bootstrap.start()
  }

  addresses(): string[] {
    return this.#components.node.getMultiaddrs().map(String)
  }

  connectedPeers(): string[] {
    return this.#components.node.getPeers().map(String)
  }

  get isAlone(): boolean {
    return this.#hasLooked && this.#table.size === 0 && this.connectedPeers().length === 0
  }

  routablePeers(): number {
    return this.#table.size
  }

  estimatedPeers(): number {
    return this.#contacts.estimate()
  }

  async open(peer: string, protocol: string, options: OpenOptions = {}): Promise<MessageStream> {
    const id = parsePeer(peer)
    const deadline = AbortSignal.timeout(this.#timings.openTimeoutMs)
    const signals = [deadline, this.#stopping.signal]
    if (options.signal !== undefined) signals.push(options.signal)
    const signal = AbortSignal.any(signals)
    try {
      const connection = await this.#components.node.dial(id, { signal })
      const stream = await connection.newStream(protocol, { signal, maxOutboundStreams })
      return new MessageStream(stream, { peer, maxMessageBytes: options.maxMessageBytes })
    } catch (cause) {
      options.signal?.throwIfAborted()
      const why = deadline.aborted ? 'no answer in time' : (cause as Error).message
      throw new PeerUnreachableError(peer, why, { cause })
    }
  }

  async handle(protocol: string, handler: StreamHandler, options: HandleOptions = {}): Promise<void> {
    const { node, logger } = this.#components
    await node.handle(
      protocol,
      async (stream, connection) => {
        const peer = connection.remotePeer.toString()
        const messages = new MessageStream(stream, { ...options, peer })
        try {
          await handler(messages)
        } catch (error) {
          logger.debug({ peer, protocol, error }, 'stream handler failed')
          messages.abort(error as Error)
        }
      },
      { maxInboundStreams: options.maxStreamsPerPeer, maxOutboundStreams },
    )
  }

  async learnAddresses(peer: string, addresses: readonly string[]): Promise<void> {
    if (peer !== this.peer) await this.#addresses.learn(parsePeer(peer), addresses)
  }

  async addressesOf(peer: string): Promise<string[]> {
    return peer === this.peer ? this.addresses() : this.#addresses.of(parsePeer(peer))
  }

  closestPeers(key: Uint8Array, count: number, options: AbortOptions = {}): Promise<string[]> {
    return this.#kademlia.closestPeers(key, count, options)
  }

  onPeerRoutable(listener: PeerListener): () => void {
    const onAdd = (event: Event): void => listener((event as CustomEvent<PeerId>).detail.toString())
    this.#table.addEventListener('peer:add', onAdd)
    return () => this.#table.removeEventListener('peer:add', onAdd)
  }

  onPeerConnected(listener: PeerListener): () => void {
    return this.#on('peer:connect', listener)
  }

  onPeerDisconnected(listener: PeerListener): () => void {
    return this.#on('peer:disconnect', listener)
  }

  async ban(peer: string, durationMs: number): Promise<void> {
    const { node, gate } = this.#components
    const id = parsePeer(peer)
    gate.ban(peer, durationMs)
    for (const connection of node.getConnections(id)) connection.abort(new Error('the peer is banned'))
    await this.#table.remove(id)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const { node, logger } = this.#components
    this.#stopping.abort()
    this.#keeper.stop()
    this.#kademlia.stop()
    this.#monitor.stop()
    await Promise.all([this.#bootstrap.stop(), this.#multicast?.stop()])
    try {
      await abortable(Promise.resolve(node.stop()), AbortSignal.timeout(stopTimeoutMs))
    } catch (error) {
      logger.warn({ error }, 'libp2p did not stop cleanly')
    }
    node.removeEventListener('peer:connect', this.#onConnect)
    node.removeEventListener('peer:disconnect', this.#onDisconnect)
  }

  #on(event: 'peer:connect' | 'peer:disconnect', listener: PeerListener): () => void {
    const { node } = this.#components
    const onEvent = ({ detail }: CustomEvent<PeerId>): void => listener(detail.toString())
    node.addEventListener(event, onEvent)
    return () => node.removeEventListener(event, onEvent)
  }

  #multicastPeers(serviceTag: string): MulticastPeers {
    const { node, logger } = this.#components
    return new MulticastPeers(
      {
        addresses: () => node.getMultiaddrs(),
        learn: (peer, addresses) => this.learnAddresses(peer, addresses),
        onFound: () => this.#bootstrap.hurry(),
        logger,
      },
      { serviceTag },
    )
  }

  /** Our addresses without our id. */
  #listening(): Multiaddr[] {
    return this.#components.node.getMultiaddrs().map((address) => address.decapsulateCode(CODE_P2P))
  }

  /** Resolves within {@link joinPatienceMs}: when somebody is in the routing table, or nobody could be reached. */
  async #firstPeer(): Promise<void> {
    const pause = (ms: number) => sleep(ms, undefined, { ref: false })
    const tried = this.#bootstrap.firstRound.then(async () => {
      if (this.connectedPeers().length > 0) await pause(introductionMs)
    })
    await Promise.race([once(this.#table, 'peer:add'), tried, pause(joinPatienceMs)])
  }

  #review(): void {
    this.#kademlia.review().catch((error: unknown) => {
      this.#components.logger.warn({ error }, 'could not review what is announced')
    })
  }

  readonly #onConnect = ({ detail }: CustomEvent<PeerId>): void => {
    this.#kademlia.onPeerConnected(detail.toString())
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
    this.#kademlia.onPeerDisconnected(detail.toString())
    this.#keeper.drop(detail).catch((error: unknown) => {
      this.#components.logger.warn(
        { peer: detail.toString(), error },
        'could not drop a peer from the routing table',
      )
    })
    this.#bootstrap.hurry()
  }
}

/** The id in an address that has nothing else: where the peer is, libp2p knows. */
function onlyPeer(address: Multiaddr): PeerId | undefined {
  const peer = peerIn(address)
  return peer !== undefined && address.getComponents().length === 1 ? parsePeer(peer) : undefined
}

function parsePeer(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (cause) {
    const shown = JSON.stringify(text.slice(0, 160))
    throw new InvalidInputError('PEER_INVALID', `malformed peer id ${shown}`, { cause })
  }
}
