import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { KadPeer } from '../discovery/kad-client.ts'
import { compareDistance, kadId, placeOf } from '../discovery/kad-distance.ts'
import type { Contacts } from './contacts.ts'
import { GrowthGauge } from './growth-gauge.ts'
import type { HostLogger } from './host-logger.ts'
import type { KadRoutingTable } from './kad-routing-table.ts'

/** What is not answered in this time, on a machine however busy, is asked again at the next interval. */
const lookUpTimeoutMs = 60_000
/**
 * Nodes that join together do not find each other at first: whom we asked had not met them either. Up to twice as long, and
 * doubled each time that a look-up came to nothing, up to the interval.
 */
const secondLookUpDelayMs = 2_000
/** Nodes that start together dial each other; more at once would keep each other waiting. */
const dialsAtOnce = 2

export interface RoutingTableKeeperComponents {
  readonly self: PeerId
  readonly table: KadRoutingTable
  readonly contacts: Contacts
  readonly connections: (peer?: PeerId) => Connection[]
  /** Asks those closest to a key; all whom they name. */
  readonly explore: (key: Uint8Array, signal: AbortSignal) => Promise<KadPeer[]>
  readonly learn: (peer: string, addresses: readonly string[]) => Promise<void>
  readonly dial: (peer: PeerId, signal: AbortSignal) => Promise<unknown>
  readonly logger: HostLogger
}

export interface RoutingTableKeeperInit {
  /** How often what the table should hold is compared with what it holds, in milliseconds. */
  readonly intervalMs: number
  readonly dialTimeoutMs: number
  /** Called when the table has grown several times, and at each interval. */
  readonly onGrowth: () => void
}

/**
 * Keeps kad-dht's routing table at the peers that are there, as far as {@link Contacts} wants them. By itself it never
 * drops a dead one, forgets one whose dial was slow, and looks for more only every five minutes.
 */
export class RoutingTableKeeper {
  readonly #components: RoutingTableKeeperComponents
  readonly #init: RoutingTableKeeperInit
  readonly #growth = new GrowthGauge()
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #secondLookUp: NodeJS.Timeout | undefined
  #isLookingUp = false
  #failures = 0

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
      void this.#lookUp()
    }, this.#init.intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#secondLookUp)
    this.#components.table.removeEventListener('peer:add', this.#onPeerAdded)
    this.#stopping.abort()
  }

  /** To be called when the last connection to a peer has closed. */
  async drop(peer: PeerId): Promise<void> {
    const { connections, contacts, table } = this.#components
    if (connections(peer).length > 0) return
    contacts.remove(peer.toString())
    await table.remove(peer)
  }

  readonly #onPeerAdded = (event: Event): void => {
    this.#components.contacts.add((event as CustomEvent<PeerId>).detail.toString())
    this.#lookUpIfGrown()
  }

  #lookUpIfGrown(): void {
    if (this.#isLookingUp || !this.#growth.hasGrown(this.#components.table.size)) return
    this.#failures = 0
    void this.#lookUp()
    this.#lookUpAgain()
  }

  #lookUpAgain(): void {
    clearTimeout(this.#secondLookUp)
    const delayMs = Math.min(this.#init.intervalMs, secondLookUpDelayMs * 2 ** this.#failures)
    this.#secondLookUp = setTimeout(() => void this.#lookUp(), delayMs * (1 + Math.random())).unref()
  }

  /** Finds those who are close to us, then some in each part of the keyspace where we know too few. */
  async #lookUp(): Promise<void> {
    if (this.#isLookingUp) return
    const { self, contacts, logger } = this.#components
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(lookUpTimeoutMs)])
    this.#isLookingUp = true
    try {
      await this.#meet(self.toMultihash().bytes, signal)
      for (const key of contacts.missing()) await this.#meet(key, signal)
    } catch (error) {
      logger.debug({ error }, 'look-up of contacts ended early')
      this.#failures++
      if (!this.#stopping.signal.aborted) this.#lookUpAgain()
    } finally {
      this.#isLookingUp = false
    }
    if (this.#stopping.signal.aborted) return
    this.#init.onGrowth()
    // Peers that came during the look-up did not start another.
    this.#lookUpIfGrown()
  }

  /** Connects with those who are named as close to a key, and wanted; the closest first. kad-dht takes in who is connected. */
  async #meet(key: Uint8Array, signal: AbortSignal): Promise<void> {
    const target = kadId(key)
    const named = (await this.#components.explore(key, signal))
      .map((peer) => ({ ...peer, place: placeOf(peer.peer) }))
      .sort((a, b) => compareDistance(target, a.place, b.place))
    const dialAll = async (): Promise<void> => {
      for (let next = named.shift(); next !== undefined; next = named.shift()) await this.#contact(next)
    }
    await Promise.all(Array.from({ length: dialsAtOnce }, dialAll))
  }

  async #contact({ peer, addresses }: KadPeer): Promise<void> {
    const { contacts, connections, learn, dial, logger } = this.#components
    const id = peerIdFromString(peer)
    if (this.#stopping.signal.aborted || contacts.has(peer) || connections(id).length > 0) return
    if (!contacts.isWanted(peer)) return
    // Those who are being dialled count.
    contacts.add(peer)
    try {
      await learn(peer, addresses)
      const deadline = AbortSignal.timeout(this.#init.dialTimeoutMs)
      await dial(id, AbortSignal.any([this.#stopping.signal, deadline]))
    } catch (error) {
      if (connections(id).length === 0) contacts.remove(peer)
      logger.debug({ peer, error }, 'could not reach a contact')
    }
  }

  async #addMissing(): Promise<void> {
    const { table, connections } = this.#components
    for (const { remotePeer } of connections()) {
      if ((await table.find(remotePeer)) === undefined) table.queueRoutingTableUpdate(remotePeer)
    }
  }
}
