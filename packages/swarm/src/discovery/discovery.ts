import type { AbortOptions } from '@shoal/content'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as multihash from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { abortable } from '../host/abortable.ts'
import type { HostLogger } from '../host/host-logger.ts'
import type { Announcer } from './announcer.ts'
import { type AskClosestComponents, askClosest } from './ask-closest.ts'
import type { DepartedPeers } from './departed-peers.ts'
import { FailedProviders, type ProviderFailure } from './failed-providers.ts'
import type { KadClient } from './kad-client.ts'
import { kadId } from './kad-distance.ts'
import { ProviderMemory } from './provider-memory.ts'
import type { ProviderRecords } from './provider-records.ts'
import { ProviderSearch } from './provider-search.ts'

/** Longer than a query among 50 nodes takes, shorter than anyone waits for a layer. */
const defaultFindTimeoutMs = 1_000
/** For all who read a search together; each has a deadline of its own too. */
const searchTimeoutMs = 5_000
/** Peers that name somebody, after which a search ends: each keeps nearly all records of the blob. */
const namingPeersEnough = 3
/** The DHT is asked for no more than these: a pull can't use more holders at a time. */
const maxProvidersFound = 64

export interface FindOptions extends AbortOptions {
  /** Peers after which to stop. @default all */
  readonly limit?: number | undefined
  /** When to give up, in milliseconds. @default 1000 */
  readonly timeoutMs?: number | undefined
}

/** Who has what. Answers are claims: the peer that is named may have gone, or have lost it since. */
export interface Discovery {
  /** Messages about who has what that this node has sent to others so far. */
  readonly messagesSent: number
  /**
   * Announces that this node has `cid`, in the background, the newest first; repeated until {@link withdraw} or the end
   * of the host. A second call for the same changes nothing. After a restart, announce again.
   */
  provide(cid: CID): void
  /** Stops announcing, and tells those who were told. */
  withdraw(cid: CID): void
  /**
   * Peers that say they have `cid`, each once, in the order in which they were named, without ourselves, without those
   * who have left and those that {@link failed}. What was found is remembered for 5 s, that nothing was found for 1 s;
   * who asks at the same time shares a search. Ends at the limit, at the end of the query or at the deadline; what
   * fails on the network shortens the answer, no more.
   *
   * @throws the signal's reason
   */
  find(cid: CID, options?: FindOptions): AsyncIterable<string>
  /** To be told when a peer that {@link find} named was of no use: it is not named again for some time. */
  failed(cid: CID, peer: string, failure: ProviderFailure): void
}

export interface KadDiscoveryComponents extends AskClosestComponents {
  readonly client: KadClient
  readonly records: ProviderRecords
  readonly departed: DepartedPeers
  readonly announcer: Announcer
  readonly logger: HostLogger
  /** Resolves when the first attempt to join the cluster is over, whatever came of it. */
  readonly joined: Promise<void>
}

/** {@link Discovery} by Kademlia's provider records. */
export class KadDiscovery implements Discovery {
  readonly #components: KadDiscoveryComponents
  readonly #stopping = new AbortController()
  readonly #memory = new ProviderMemory()
  readonly #failures = new FailedProviders()
  readonly #searches = new Map<string, ProviderSearch>()

  constructor(components: KadDiscoveryComponents) {
    this.#components = components
  }

  get messagesSent(): number {
    return this.#components.client.messagesSent
  }

  provide(cid: CID): void {
    this.#components.announcer.announce(recordCid(cid))
  }

  withdraw(cid: CID): void {
    const { announcer, logger } = this.#components
    announcer.withdraw(recordCid(cid)).catch((error: unknown) => {
      logger.warn({ cid: cid.toString(), error }, 'could not withdraw an announcement')
    })
  }

  failed(cid: CID, peer: string, failure: ProviderFailure): void {
    this.#failures.failed(recordCid(cid).toString(), peer, failure, performance.now())
  }

  /** To be called when a peer has connected: it can be reached, and may know what nobody knew. */
  onPeerConnected(peer: string): void {
    this.#failures.isReachable(peer)
    this.#memory.forgetMissing()
  }

  async *find(cid: CID, options: FindOptions = {}): AsyncGenerator<string> {
    const { limit = Number.POSITIVE_INFINITY, timeoutMs = defaultFindTimeoutMs } = options
    options.signal?.throwIfAborted()
    if (limit <= 0) return
    const signals = [this.#stopping.signal, AbortSignal.timeout(timeoutMs)]
    if (options.signal !== undefined) signals.push(options.signal)
    const signal = AbortSignal.any(signals)
    let found = 0
    try {
      for await (const peer of this.#candidates(recordCid(cid), limit, signal)) {
        yield peer
        if (++found >= limit) return
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      this.#components.logger.debug({ cid: cid.toString(), found, error }, 'query for providers ended early')
    }
  }

  stop(): void {
    this.#stopping.abort()
  }

  async *#candidates(cid: CID, limit: number, signal: AbortSignal): AsyncGenerator<string> {
    const key = cid.toString()
    const isUsable = (peer: string): boolean => this.#isUsable(key, peer)
    const remembered = this.#memory.recall(key, { limit, nowMs: performance.now(), isUsable })
    if (remembered !== undefined) return yield* remembered
    const { connectedPeers, joined } = this.#components
    // Who has just started has a connection in a moment.
    if (connectedPeers().length === 0) await abortable(joined, signal)
    for await (const peer of this.#search(key, cid).read(signal)) if (isUsable(peer)) yield peer
  }

  #isUsable(key: string, peer: string): boolean {
    const { self, departed } = this.#components
    return peer !== self && !departed.has(peer) && !this.#failures.isFailed(key, peer, performance.now())
  }

  #search(key: string, cid: CID): ProviderSearch {
    const running = this.#searches.get(key)
    if (running !== undefined && !running.isAbandoned) return running
    const search = new ProviderSearch({
      run: (found, ended) => {
        const deadline = AbortSignal.timeout(searchTimeoutMs)
        return this.#ask(cid, found, AbortSignal.any([ended, this.#stopping.signal, deadline]))
      },
      onEnd: (peers, isComplete) => {
        if (this.#searches.get(key) === search) this.#searches.delete(key)
        if (!isComplete && !search.isAbandoned) {
          this.#components.logger.debug(
            { cid: key, found: peers.length },
            'search for providers did not end by itself',
          )
        }
        if (isComplete || peers.length > 0) {
          this.#memory.remember(key, { peers, isComplete, atMs: performance.now() })
        }
      },
    })
    this.#searches.set(key, search)
    return search
  }

  /** Returns whether the search came to its end: those closest to the blob were asked, or enough of them knew. */
  async #ask(cid: CID, found: (peer: string) => void, signal: AbortSignal): Promise<boolean> {
    const { client, records } = this.#components
    const key = cid.toString()
    const known = new Set<string>()
    const add = (peer: string): void => {
      if (known.size >= maxProvidersFound) return
      known.add(peer)
      found(peer)
    }
    const own = (await records.providersOf(cid)).filter((peer) => this.#isUsable(key, peer))
    for (const peer of own) add(peer)
    let naming = own.length > 0 ? 1 : 0
    let asked = 0
    const ask = (peer: string, signal: AbortSignal) =>
      client.getProviders(peer, cid.multihash.bytes, { signal })
    for await (const { providers } of askClosest(this.#components, {
      key: cid.multihash.bytes,
      ask,
      signal,
    })) {
      asked++
      const usable = providers.filter(({ peer }) => this.#isUsable(key, peer))
      for (const { peer, addresses } of usable) {
        if (known.has(peer)) continue
        await this.#introduce(peer, addresses)
        add(peer)
      }
      if (usable.length > 0 && ++naming >= namingPeersEnough) return true
      if (known.size >= maxProvidersFound) return true
    }
    return asked > 0
  }

  async #introduce(peer: string, addresses: readonly string[]): Promise<void> {
    const { connectedPeers, learn } = this.#components
    if (!connectedPeers().includes(peer)) await learn(peer, addresses)
  }
}

/**
 * kad-dht 16 takes the multihash in a message for a CIDv0, which only a SHA-256 is. Others go by the SHA-256 of
 * their multihash.
 */
function recordCid(cid: CID): CID {
  if (cid.multihash.code === sha256.code) return cid
  return CID.createV1(raw.code, multihash.create(sha256.code, kadId(cid.multihash.bytes)))
}
