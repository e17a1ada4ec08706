import type { PeerInfo } from '@libp2p/interface'
import type { KadDHT, QueryEvent } from '@libp2p/kad-dht'
import type { AbortOptions } from '@shoal/content'
import { pipe } from 'it-pipe'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as multihash from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { pEvent } from 'p-event'
import type { Announcer } from './announcer.ts'
import type { HostLogger } from './host-logger.ts'
import { kadId } from './kad-distance.ts'
import type { KadRoutingTable } from './kad-routing-table.ts'

/** Longer than a query among 50 nodes takes, shorter than anyone waits for a layer. */
const defaultFindTimeoutMs = 1_000

export interface FindOptions extends AbortOptions {
  /** Peers after which to stop. @default all */
  readonly limit?: number | undefined
  /** When to give up, in milliseconds. @default 1000 */
  readonly timeoutMs?: number | undefined
}

/** Who has what. Answers are claims: the peer that is named may have gone, or have lost it since. */
export interface Discovery {
  /**
   * Announces that this node has `cid`, in the background; repeated until {@link withdraw} or the end of the host.
   * A second call for the same changes nothing. After a restart, announce again.
   */
  provide(cid: CID): void
  /** Stops announcing. Others may still name this node, for as long as their records last. */
  withdraw(cid: CID): void
  /**
   * Peers that say they have `cid`, each once, in the order in which they were named, without ourselves. Ends at the
   * limit, at the end of the query or at the deadline; what fails on the network shortens the answer, no more.
   *
   * @throws the signal's reason
   */
  find(cid: CID, options?: FindOptions): AsyncIterable<string>
}

export interface KadDiscoveryComponents {
  readonly self: string
  readonly dht: KadDHT
  readonly table: KadRoutingTable
  readonly announcer: Announcer
  readonly logger: HostLogger
  /** Number of peers that are connected. */
  readonly connected: () => number
  /** Keeps what a record says of its provider's addresses. */
  readonly learn: (provider: PeerInfo) => Promise<void>
}

/** {@link Discovery} by kad-dht's provider records. */
export class KadDiscovery implements Discovery {
  readonly #components: KadDiscoveryComponents
  readonly #stopping = new AbortController()

  constructor(components: KadDiscoveryComponents) {
    this.#components = components
  }

  provide(cid: CID): void {
    this.#components.announcer.announce(recordKey(cid))
  }

  withdraw(cid: CID): void {
    const { announcer, logger } = this.#components
    announcer.withdraw(recordKey(cid)).catch((error: unknown) => {
      logger.warn({ cid: cid.toString(), error }, 'could not withdraw an announcement')
    })
  }

  async *find(cid: CID, options: FindOptions = {}): AsyncGenerator<string> {
    const { limit = Number.POSITIVE_INFINITY, timeoutMs = defaultFindTimeoutMs } = options
    options.signal?.throwIfAborted()
    if (limit <= 0) return
    const ended = new AbortController()
    const signals = [this.#stopping.signal, AbortSignal.timeout(timeoutMs), ended.signal]
    if (options.signal !== undefined) signals.push(options.signal)
    const signal = AbortSignal.any(signals)
    let found = 0
    try {
      await this.#someoneToAsk(signal)
      for await (const peer of this.#providers(recordKey(cid), signal)) {
        yield peer
        if (++found >= limit) return
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      this.#components.logger.debug({ cid: cid.toString(), found, error }, 'query for providers ended early')
    } finally {
      ended.abort()
    }
  }

  stop(): void {
    this.#stopping.abort()
  }

  #providers(key: CID, signal: AbortSignal): AsyncIterable<string> {
    const { dht, self, learn, logger } = this.#components
    const claims = pipe(dht.findProviders(key, { signal }), (events: AsyncIterable<QueryEvent>) =>
      providersIn(events, logger),
    )
    return pipe(claims, (providers: AsyncIterable<PeerInfo>) => newPeers(providers, self, learn))
  }

  /** A node that has just connected has an empty table until its first peer has answered a ping. */
  async #someoneToAsk(signal: AbortSignal): Promise<void> {
    const { table, connected } = this.#components
    if (table.size === 0 && connected() > 0) await pEvent(table, 'peer:add', { signal })
  }
}

/**
 * kad-dht 16 takes the multihash in a message for a CIDv0, which only a SHA-256 is. Others go by the SHA-256 of
 * their multihash.
 */
function recordKey(cid: CID): CID {
  if (cid.multihash.code === sha256.code) return cid
  return CID.createV1(raw.code, multihash.create(sha256.code, kadId(cid.multihash.bytes)))
}

async function* providersIn(events: AsyncIterable<QueryEvent>, logger: HostLogger): AsyncGenerator<PeerInfo> {
  for await (const event of events) {
    if (event.name === 'PROVIDER') yield* event.providers
    if (event.name === 'QUERY_ERROR') {
      logger.debug({ peer: event.from.toString(), error: event.error }, 'peer did not say who provides')
    }
  }
}

async function* newPeers(
  providers: AsyncIterable<PeerInfo>,
  self: string,
  learn: (provider: PeerInfo) => Promise<void>,
): AsyncGenerator<string> {
  const seen = new Set([self])
  for await (const provider of providers) {
    const peer = provider.id.toString()
    if (seen.has(peer)) continue
    seen.add(peer)
    await learn(provider)
    yield peer
  }
}
