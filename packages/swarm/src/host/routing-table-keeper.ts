import type { Connection, PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { GrowthGauge } from './growth-gauge.ts'
import type { HostLogger } from './host-logger.ts'
import type { KadRoutingTable } from './kad-routing-table.ts'

/** A self-lookup touches at most k peers; what they do not answer in this time, others have. */
const selfLookupTimeoutMs = 5_000
/** Nodes that join together do not find each other at first: whom we asked had not met them either. */
const secondLookupDelayMs = 2_000

export interface RoutingTableKeeperComponents {
  readonly self: PeerId
  readonly dht: KadDHT
  readonly table: KadRoutingTable
  readonly connections: (peer?: PeerId) => Connection[]
  readonly logger: HostLogger
}

export interface RoutingTableKeeperInit {
  /** How often what the table should hold is compared with what it holds, in milliseconds. */
  readonly intervalMs: number
  /** Called when the table has grown several times, and at each interval. */
  readonly onGrowth: () => void
}

/**
 * Keeps kad-dht's routing table at the peers that are there. By itself it never drops a dead one, forgets one whose
 * first ping was late, and looks for more only every five minutes, so that whoever joins first finds nobody.
 */
export class RoutingTableKeeper {
  readonly #components: RoutingTableKeeperComponents
  readonly #init: RoutingTableKeeperInit
  readonly #growth = new GrowthGauge()
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #secondLookup: NodeJS.Timeout | undefined
  #isLookingUp = false

  constructor(components: RoutingTableKeeperComponents, init: RoutingTableKeeperInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    this.#components.table.addEventListener('peer:add', this.#onPeerAdded)
    this.#timer = setInterval(() => {
      this.#addMissing().catch((error: unknown) =>
        this.#components.logger.warn({ error }, 'could not bring the routing table up to date'),
      )
      this.#init.onGrowth()
    }, this.#init.intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#secondLookup)
    this.#components.table.removeEventListener('peer:add', this.#onPeerAdded)
    this.#stopping.abort()
  }

  /** To be called when the last connection to a peer has closed. */
  async drop(peer: PeerId): Promise<void> {
    if (this.#components.connections(peer).length === 0) await this.#components.table.remove(peer)
  }

  readonly #onPeerAdded = (): void => {
    if (this.#isLookingUp || !this.#growth.hasGrown(this.#components.table.size)) return
    void this.#lookUpSelf()
    clearTimeout(this.#secondLookup)
    this.#secondLookup = setTimeout(() => void this.#lookUpSelf(), secondLookupDelayMs)
  }

  /** Asks the peers that are known for those closest to us; kad-dht adds to the table whom they name. */
  async #lookUpSelf(): Promise<void> {
    if (this.#isLookingUp) return
    const { dht, self, logger } = this.#components
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(selfLookupTimeoutMs)])
    this.#isLookingUp = true
    try {
      for await (const event of dht.getClosestPeers(self.toMultihash().bytes, { signal })) {
        if (event.name === 'QUERY_ERROR') logger.debug({ error: event.error }, 'self-lookup: a peer failed')
      }
    } catch (error) {
      logger.debug({ error }, 'self-lookup ended early')
    } finally {
      this.#isLookingUp = false
    }
    if (this.#stopping.signal.aborted) return
    this.#init.onGrowth()
    // Peers that came during the look-up did not start another.
    this.#onPeerAdded()
  }

  async #addMissing(): Promise<void> {
    const { table, connections } = this.#components
    for (const { remotePeer } of connections()) {
      if ((await table.find(remotePeer)) === undefined) table.queueRoutingTableUpdate(remotePeer)
    }
  }
}
