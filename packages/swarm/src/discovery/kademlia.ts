import type { AbortOptions } from '@shoal/content'
import { abortable } from '../host/abortable.ts'
import type { HostLogger } from '../host/host-logger.ts'
import type { KadRoutingTable } from '../host/kad-routing-table.ts'
import type { MessageStream } from '../host/message-stream.ts'
import type { HandleOptions, OpenOptions, StreamHandler } from '../host/swarm-host.ts'
import { Announcer } from './announcer.ts'
import { AnswerTimes } from './answer-times.ts'
import { type AskClosestComponents, askClosest } from './ask-closest.ts'
import { closestPeers } from './closest-peers.ts'
import type { DepartedPeers } from './departed-peers.ts'
import { KadDiscovery } from './discovery.ts'
import { KadClient, type KadPeer } from './kad-client.ts'
import type { ProviderRecords } from './provider-records.ts'
import { maxWithdrawStreamsPerPeer, Withdrawals, withdrawProtocol } from './withdrawals.ts'

/** Nobody waits for it, and nodes that start together are busy with each other: one question at a time, and patience. */
const exploring = { parallel: 1, lateAfterMs: 1_000, askTimeoutMs: 15_000 }

export interface KademliaComponents {
  readonly self: string
  readonly table: KadRoutingTable
  readonly records: ProviderRecords
  readonly departed: DepartedPeers
  readonly logger: HostLogger
  readonly open: (peer: string, protocol: string, options: OpenOptions) => Promise<MessageStream>
  readonly handle: (protocol: string, handler: StreamHandler, options: HandleOptions) => Promise<void>
  readonly connectedPeers: () => string[]
  readonly learn: (peer: string, addresses: readonly string[]) => Promise<void>
  /** Where we can be reached, without `/p2p/<id>`. */
  readonly addresses: () => string[]
  /** About how many peers there are. */
  readonly clusterSize: () => number
  /** Resolves within a second: when the first peer is in the table, or nobody could be reached. */
  readonly joined: Promise<void>
}

/**
 * Our side of the DHT. kad-dht keeps the routing table and answers others; who is asked, what is announced and which
 * records are void is decided here.
 */
export class Kademlia {
  readonly discovery: KadDiscovery
  readonly #components: KademliaComponents
  readonly #asking: AskClosestComponents
  readonly #client: KadClient
  readonly #withdrawals: Withdrawals
  readonly #announcer: Announcer

  constructor(components: KademliaComponents) {
    const { self, table, records, departed, logger, open, connectedPeers, learn } = components
    this.#components = components
    this.#asking = { self, table, connectedPeers, learn, logger, answerTimes: new AnswerTimes() }
    this.#client = new KadClient(open)
    this.#withdrawals = new Withdrawals({ open, records, logger })
    const shared = { ...this.#asking, client: this.#client, records }
    const { addresses, clusterSize, joined } = components
    this.#announcer = new Announcer({ ...shared, withdrawals: this.#withdrawals, addresses, clusterSize })
    this.discovery = new KadDiscovery({ ...shared, departed, announcer: this.#announcer, joined })
  }

  async start(): Promise<void> {
    await this.#components.handle(withdrawProtocol, (stream) => this.#withdrawals.serve(stream), {
      maxStreamsPerPeer: maxWithdrawStreamsPerPeer,
    })
  }

  stop(): void {
    this.#announcer.stop()
    this.#withdrawals.stop()
    this.discovery.stop()
    this.#client.stop()
  }

  async closestPeers(key: Uint8Array, count: number, options: AbortOptions): Promise<string[]> {
    // Who has just started would find itself.
    if (this.#components.table.size === 0) await abortable(this.#components.joined, options.signal)
    return await closestPeers({ ...this.#asking, client: this.#client }, key, { ...options, count })
  }

  /** Asks the peers closest to a key; all whom they name, and where those can be reached. */
  async explore(key: Uint8Array, signal: AbortSignal): Promise<KadPeer[]> {
    const named = new Map<string, KadPeer>()
    const ask = (peer: string, signal: AbortSignal) => this.#client.findNode(peer, key, { signal })
    const query = askClosest(this.#asking, { ...exploring, key, ask, signal })
    for await (const { closer } of query) {
      for (const each of closer) if (each.peer !== this.#components.self) named.set(each.peer, each)
    }
    return [...named.values()]
  }

  onPeerConnected(peer: string): void {
    this.#components.departed.returned(peer)
    this.discovery.onPeerConnected(peer)
  }

  /** To be called when the last connection to a peer has closed. */
  onPeerDisconnected(peer: string): void {
    this.#components.departed.left(peer)
    this.#announcer.keeperLeft(peer)
  }

  /** To be called now and then, and when many peers have joined: repeats what is due, throws away what is void. */
  async review(): Promise<void> {
    this.#announcer.repeat()
    const { departed, records, logger } = this.#components
    const lost = departed.takeLost()
    if (lost.size === 0) return
    const removed = await records.removeAllOf(lost)
    logger.debug({ peers: [...lost], records: removed }, 'records of peers that left are thrown away')
  }
}
