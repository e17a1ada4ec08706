import type { CID } from 'multiformats/cid'
import type { HostLogger } from '../host/host-logger.ts'
import { AnnounceLanes } from './announce-lanes.ts'
import type { AnnouncePace } from './announce-schedule.ts'
import { AnnounceSchedule, defaultPace } from './announce-schedule.ts'
import { type AskClosestComponents, askClosest } from './ask-closest.ts'
import type { KadClient } from './kad-client.ts'
import type { ProviderRecords } from './provider-records.ts'
import type { Withdrawals } from './withdrawals.ts'

/** What reaches nobody in this time is repeated. */
const announceTimeoutMs = 30_000

/**
 * Nobody waits for an announcement: a busy peer is given time, rather than told another. One at a time, since all nodes of
 * a cluster may announce at once.
 */
const telling = { parallel: 1, lateAfterMs: 1_000, askTimeoutMs: 10_000 }

export interface AnnouncerComponents extends AskClosestComponents {
  readonly client: KadClient
  readonly records: ProviderRecords
  readonly withdrawals: Withdrawals
  /** Where we can be reached, without `/p2p/<id>`. */
  readonly addresses: () => string[]
  /** About how many peers there are, of which the table holds some. */
  readonly clusterSize: () => number
  readonly logger: HostLogger
}

/** Tells the nodes that are close to a blob that this node has it, in the background and as {@link AnnounceSchedule} says. */
export class Announcer {
  readonly #components: AnnouncerComponents
  readonly #schedule: AnnounceSchedule
  readonly #lanes = new AnnounceLanes()
  readonly #cids = new Map<string, CID>()
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(components: AnnouncerComponents, pace: AnnouncePace = defaultPace) {
    this.#components = components
    this.#schedule = new AnnounceSchedule(pace, Math.random, performance.now())
  }

  announce(cid: CID): void {
    const key = cid.toString()
    if (this.#stopping.signal.aborted || !this.#schedule.add(key)) return
    this.#cids.set(key, cid)
    // Later: of those that are announced in one go the last is the newest.
    this.#fillAfter(0)
  }

  async withdraw(cid: CID): Promise<void> {
    const { records, withdrawals, self } = this.#components
    const key = cid.toString()
    const keepers = this.#schedule.remove(key)
    this.#cids.delete(key)
    withdrawals.tell(keepers, key, cid.multihash.bytes)
    await records.remove(cid.multihash.bytes, self)
  }

  /** Makes those again that reached too few, are old, or were made when the cluster had half of today's peers. */
  repeat(): void {
    this.#schedule.review(this.#components.clusterSize(), performance.now())
    this.#fillAfter(0)
  }

  /** To be called when a peer has disconnected: it does not answer for us any more. */
  keeperLeft(peer: string): void {
    this.#schedule.keeperLeft(peer)
    this.#fillAfter(0)
  }

  stop(): void {
    this.#stopping.abort()
    clearTimeout(this.#timer)
  }

  #fillAfter(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#fill(), delayMs).unref()
  }

  #fill(): void {
    while (this.#lanes.isFree) {
      const key = this.#schedule.take(performance.now())
      if (key === undefined) break
      void this.#run(key)
    }
    if (!this.#lanes.isFree) return
    const waitMs = this.#schedule.waitMs(performance.now())
    if (waitMs !== undefined) this.#fillAfter(Math.ceil(waitMs))
  }

  async #run(key: string): Promise<void> {
    const { clusterSize, logger } = this.#components
    const peers = clusterSize()
    const startMs = performance.now()
    const keepers: string[] = []
    this.#lanes.begin()
    try {
      const cid = this.#cids.get(key)
      if (cid !== undefined) await this.#tell(key, cid, keepers)
    } catch (error) {
      logger.debug({ cid: key, told: keepers.length, error }, 'announcement ended early')
    }
    const nowMs = performance.now()
    this.#lanes.end(nowMs - startMs)
    this.#schedule.made(key, keepers, peers, nowMs)
    logger.debug({ cid: key, told: keepers.length }, 'announced')
    this.#fillAfter(0)
  }

  /** Adds to `keepers` who keeps the record, as they say so: those who did before the deadline keep it. */
  async #tell(key: string, cid: CID, keepers: string[]): Promise<void> {
    const { client, records, withdrawals, self, addresses } = this.#components
    await withdrawals.cancel(key)
    await records.add(cid, self)
    const us = { peer: self, addresses: addresses() }
    const query = askClosest(this.#components, {
      ...telling,
      key: cid.multihash.bytes,
      ask: (peer, signal) => client.addProvider(peer, cid.multihash.bytes, us, { signal }),
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(announceTimeoutMs)]),
    })
    try {
      for await (const { peer } of query) keepers.push(peer)
    } finally {
      // A withdrawal may have come meanwhile, when it was not known yet who keeps the record.
      if (!this.#schedule.has(key)) {
        withdrawals.tell(keepers, key, cid.multihash.bytes)
        await records.remove(cid.multihash.bytes, self)
      }
    }
  }
}
