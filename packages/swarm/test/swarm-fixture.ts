import { hash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, type CacheInit, openCache } from '@shoal/cache'
import {
  type BlobStore,
  type ContentAddress,
  digestFromHash,
  type MetadataStore,
  type Origin,
  type TransferEvent,
} from '@shoal/content'
import type { ExecutionContext } from 'ava'
import { silentLogger } from '../dist/host/host-logger.js'
import { createSwarm, generateClusterSecret, type Swarm } from '../dist/index.js'

/** A node as the agent makes it, but for its shim: real cache, real libp2p on loopback. */
export interface TestNode {
  readonly swarm: Swarm
  readonly blobs: BlobStore
  readonly metadata: MetadataStore
  /** Puts a blob there that nobody pulled. */
  readonly import: Cache['import']
  readonly events: TransferEvent[]
  /** How many blobs and names other nodes were told that it has. */
  announced(): number
  readonly dataDir: string
  stop(): Promise<void>
}

export interface TestNodeInit {
  readonly origin: Origin
  readonly secret: string
  readonly bootstrap?: readonly string[]
  readonly dataDir?: string
  readonly zone?: string
  readonly quota?: CacheInit['quota']
  /** Puts a fault between the node and its store. */
  readonly wrapBlobs?: (blobs: BlobStore) => BlobStore
}

export const newSecret = (): string => generateClusterSecret()

export async function startNode(t: ExecutionContext, init: TestNodeInit): Promise<TestNode> {
  const dataDir = init.dataDir ?? (await mkdtemp(join(tmpdir(), 'shoal-swarm-')))
  const cache = await openCache({ dataDir, quota: init.quota })
  const events: TransferEvent[] = []
  let announced = 0
  const swarm = await createSwarm(
    {
      blobs: init.wrapBlobs?.(cache.blobs) ?? cache.blobs,
      metadata: cache.metadata,
      origin: init.origin,
      onEvent: (event) => events.push(event),
      logger: { ...silentLogger, debug: (_, message) => message === 'announced' && announced++ },
    },
    {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: init.bootstrap ?? [],
      clusterSecret: init.secret,
      dataDir,
      zone: init.zone,
    },
  )
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= swarm.stop().then(() => cache.stop())
    return stopping
  }
  t.teardown(async () => {
    await stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  const { blobs, metadata } = cache
  const take: Cache['import'] = async (blob, options) => {
    await cache.import(blob, options)
    await metadata.recordProof(blob.descriptor.digest, 'registry.test')
  }
  return { swarm, blobs, metadata, import: take, announced: () => announced, events, dataDir, stop }
}

/** Nodes that all know each other. */
export async function startSwarm(t: ExecutionContext, count: number, origin: Origin): Promise<TestNode[]> {
  const secret = newSecret()
  const first = await startNode(t, { origin, secret })
  const nodes = [first]
  while (nodes.length < count) {
    nodes.push(await startNode(t, { origin, secret, bootstrap: first.swarm.addresses() }))
  }
  await until(() => nodes.every(({ swarm }) => swarm.routablePeers() === count - 1))
  return nodes
}

/** Reads the blob through the node's content source; its digest. */
export async function pull(
  node: { readonly swarm: Pick<Swarm, 'content'> },
  address: ContentAddress,
): Promise<string> {
  const content = await node.swarm.content.open(address)
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of content.read()) pieces.push(piece)
  } finally {
    await content.close()
  }
  return digestFromHash('sha256', hash('sha256', Buffer.concat(pieces), 'buffer'))
}

/** A client has its last bytes before they are safe on the disk. */
export async function stored({ events }: TestNode, { digest }: ContentAddress): Promise<void> {
  await until(() => events.some((event) => event.type === 'completed' && event.digest === digest))
}

export function bytesFrom(node: TestNode, source: 'upstream' | 'peer' | 'cache'): number {
  let bytes = 0
  for (const event of node.events)
    if (event.type === 'received' && event.source === source) bytes += event.bytes
  return bytes
}

export function randomBlob(size: number): Uint8Array {
  return randomBytes(size)
}

/** Waits for a state that events bring about; the test's own time-out ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}
