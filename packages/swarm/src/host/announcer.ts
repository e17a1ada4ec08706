import type { KadDHT } from '@libp2p/kad-dht'
import type { CID } from 'multiformats/cid'
import type { HostLogger } from './host-logger.ts'
import type { KadRoutingTable } from './kad-routing-table.ts'

/** Each costs up to 40 messages of 4 ms CPU; a node that restarts has thousands to make. */
const concurrency = 2
/** Twice what it takes among 32 busy nodes. What does not get through is repeated. */
const announceTimeoutMs = 15_000

export interface AnnouncerComponents {
  readonly dht: KadDHT
  readonly table: KadRoutingTable
  readonly logger: HostLogger
}

interface Announcement {
  readonly cid: CID
  /** Peers that were known when it was last made; 0 if nobody was told. */
  knownPeers: number
}

/** Tells the DHT what this node has, in the background, and again when it has met many more nodes. */
export class Announcer {
  readonly #components: AnnouncerComponents
  readonly #announcements = new Map<string, Announcement>()
  readonly #due = new Set<string>()
  readonly #stopping = new AbortController()
  #running = 0

  constructor(components: AnnouncerComponents) {
    this.#components = components
  }

  announce(cid: CID): void {
    const key = cid.toString()
    if (this.#announcements.has(key) || this.#stopping.signal.aborted) return
    this.#announcements.set(key, { cid, knownPeers: 0 })
    this.#due.add(key)
    this.#fill()
  }

  /** Other nodes keep the record until it expires; they find out when they ask. */
  async withdraw(cid: CID): Promise<void> {
    this.#announcements.delete(cid.toString())
    this.#due.delete(cid.toString())
    await this.#components.dht.cancelReprovide(cid)
  }

  /** Makes those again that reached nobody, or were made when fewer than half of today's peers were known. */
  repeat(): void {
    const { size } = this.#components.table
    for (const [key, { knownPeers }] of this.#announcements) {
      if (size > 0 && size >= 2 * knownPeers) this.#due.add(key)
    }
    this.#fill()
  }

  stop(): void {
    this.#stopping.abort()
    this.#due.clear()
  }

  #fill(): void {
    for (const key of this.#due) {
      if (this.#running >= concurrency) return
      this.#due.delete(key)
      const announcement = this.#announcements.get(key)
      if (announcement !== undefined) void this.#run(announcement)
    }
  }

  async #run(announcement: Announcement): Promise<void> {
    this.#running++
    const { dht, table, logger } = this.#components
    const knownPeers = table.size
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(announceTimeoutMs)])
    let told = 0
    try {
      for await (const event of dht.provide(announcement.cid, { signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told++
      }
    } catch (error) {
      logger.debug({ cid: announcement.cid.toString(), error }, 'announcement ended early')
    }
    announcement.knownPeers = told === 0 ? 0 : knownPeers
    logger.debug({ cid: announcement.cid.toString(), told }, 'announced')
    await this.#undoIfWithdrawn(announcement.cid)
    this.#running--
    this.#fill()
  }

  /** A withdrawal may have come between the start of the announcement and its first write. */
  async #undoIfWithdrawn(cid: CID): Promise<void> {
    if (this.#announcements.has(cid.toString()) || this.#stopping.signal.aborted) return
    try {
      await this.#components.dht.cancelReprovide(cid)
    } catch (error) {
      this.#components.logger.warn({ cid: cid.toString(), error }, 'could not withdraw an announcement')
    }
  }
}
