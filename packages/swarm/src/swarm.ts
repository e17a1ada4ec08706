import {
  type BlobStore,
  type ContentSource,
  type Digest,
  digestToCid,
  type MetadataStore,
  type Origin,
  type TagHints,
  type TransferListener,
} from '@shoal/content'
import { Coordinator } from './coordination/coordinator.ts'
import { type DownloadProgress, Downloads } from './download/downloads.ts'
import { ChunkServer } from './exchange/chunk-server.ts'
import { parseClusterSecret } from './host/cluster-secret.ts'
import type { HostLogger } from './host/host-logger.ts'
import { createSwarmHost } from './host/swarm-host.ts'
import { TagExchange } from './tags/tag-exchange.ts'

export interface SwarmComponents {
  readonly blobs: BlobStore
  readonly metadata: MetadataStore
  readonly origin: Origin
  readonly onEvent: TransferListener
  readonly logger?: HostLogger
}

export interface SwarmInit {
  /** Multiaddrs to listen on, e.g. `/ip4/0.0.0.0/tcp/5006`. */
  readonly listen: readonly string[]
  /** Multiaddrs to tell others instead of those listened on. */
  readonly announce?: readonly string[]
  /** Multiaddrs of nodes to join, with or without `/p2p/<peer id>`. */
  readonly bootstrap: readonly string[]
  /** The same on all nodes of the cluster; who doesn't have it can't connect. */
  readonly clusterSecret: string
  /** Where this node is, such as `eu-west-1a`: between zones chunks cross about once. */
  readonly zone?: string | undefined
  /** Where the node's key and the DHT's records are kept. */
  readonly dataDir?: string
}

/** This node's part in the swarm. */
export interface Swarm {
  /** This node's peer id. */
  readonly peer: string
  readonly content: ContentSource
  readonly tagHints: TagHints
  /** Multiaddrs at which others reach this node, with `/p2p/<peer id>`. */
  addresses(): string[]
  connectedPeers(): string[]
  /** Nobody else is known, and a first look for others has ended. */
  readonly isAlone: boolean
  /** Peers in the routing table: nodes agree on who coordinates a blob once all know each other. */
  routablePeers(): number
  downloads(): DownloadProgress[]
  stop(): Promise<void>
}

/**
 * Joins the cluster's swarm.
 *
 * @throws InvalidInputError for a weak secret or a malformed multiaddr
 */
export async function createSwarm(components: SwarmComponents, init: SwarmInit): Promise<Swarm> {
  const { blobs, metadata, origin, onEvent, logger } = components
  const host = await createSwarmHost({
    ...init,
    clusterSecret: parseClusterSecret(init.clusterSecret),
    logger,
  })
  const onTrouble = (error: Error) => logger?.debug({ error: error.message }, 'swarm trouble')
  const coordinator = new Coordinator({ host, blobs })
  const downloads = new Downloads({ host, coordinator, blobs, metadata, origin, onEvent, onTrouble })
  const server = new ChunkServer({
    host,
    find: (digest, registry) => downloads.find(digest, registry),
    onEvent,
  })
  const tagHints = new TagExchange({ host, metadata, onTrouble })
  const announcing = new AbortController()

  await Promise.all([coordinator.start(), server.start(), tagHints.start()])
  const announced = announceAll(announcing.signal).catch(onTrouble)

  const unsubscribes = [
    blobs.onAdded((digest) => host.discovery.provide(digestToCid(digest))),
    blobs.onRemoved((digest) => host.discovery.withdraw(digestToCid(digest))),
  ]

  /** What the cache kept from an earlier run is there for the others again, what was used last first. */
  async function announceAll(signal: AbortSignal): Promise<void> {
    const removed = new Set<Digest>()
    const stopListening = blobs.onRemoved((digest) => removed.add(digest))
    try {
      const kept = await Array.fromAsync(blobs.list({ signal }))
      // In one go: what is announced last goes out first.
      for (const { digest } of kept.reverse()) {
        if (!removed.has(digest)) host.discovery.provide(digestToCid(digest))
      }
    } finally {
      stopListening()
    }
  }

  let stopping: Promise<void> | undefined
  async function stop(): Promise<void> {
    announcing.abort()
    for (const unsubscribe of unsubscribes) unsubscribe()
    await announced
    await downloads.stop()
    coordinator.stop()
    await host.stop()
  }
  return {
    peer: host.peer,
    content: downloads,
    tagHints,
    addresses: () => host.addresses(),
    connectedPeers: () => host.connectedPeers(),
    get isAlone() {
      return host.isAlone
    },
    routablePeers: () => host.routablePeers(),
    downloads: () => downloads.progress(),
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}
