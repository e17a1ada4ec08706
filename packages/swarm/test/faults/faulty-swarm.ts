import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCache } from '@shoal/cache'
import { type ContentAddress, digestToCid, type Origin } from '@shoal/content'
import type { ExecutionContext } from 'ava'
import { Coordinator } from '../../dist/coordination/coordinator.js'
import { Downloads } from '../../dist/download/downloads.js'
import { ChunkServer } from '../../dist/exchange/chunk-server.js'
import { parseClusterSecret } from '../../dist/host/cluster-secret.js'
import type { MessageStream } from '../../dist/host/message-stream.js'
import { createSwarmHost, type StreamHandler, type SwarmHost } from '../../dist/host/swarm-host.js'
import type { MemoryOrigin } from '../memory-origin.ts'
import { newSecret, randomBlob, until } from '../swarm-fixture.ts'

/** A node as `createSwarm` makes it, with a place between its parts and its real host where faults can be put. */
export interface FaultyNode {
  readonly host: SwarmHost
  readonly swarm: { readonly content: Downloads }
  /** Ends the host alone, under everything that uses it. */
  die(): Promise<void>
}

export type WrapHost = (host: SwarmHost) => SwarmHost

interface FaultyNodeInit {
  readonly origin: Origin
  readonly secret: string
  readonly bootstrap: readonly string[]
  readonly wrapHost: WrapHost
}

/** Nodes that all know each other. */
export async function startFaultySwarm(
  t: ExecutionContext,
  init: { count: number; origin: Origin; wrapHost?: WrapHost },
): Promise<FaultyNode[]> {
  const { count, origin, wrapHost = (host) => host } = init
  const secret = newSecret()
  const nodes: FaultyNode[] = []
  while (nodes.length < count) {
    const bootstrap = nodes[0]?.host.addresses() ?? []
    nodes.push(await startFaultyNode(t, { origin, secret, bootstrap, wrapHost }))
  }
  await until(() => nodes.every(({ host }) => host.routablePeers() === count - 1))
  return nodes
}

async function startFaultyNode(t: ExecutionContext, init: FaultyNodeInit): Promise<FaultyNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'shoal-faults-'))
  const cache = await openCache({ dataDir })
  const real = await createSwarmHost({
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: init.bootstrap,
    clusterSecret: parseClusterSecret(init.secret),
  })
  const host = init.wrapHost(real)
  const { blobs, metadata } = cache
  const ignore = () => undefined
  const coordinator = new Coordinator({ host, blobs })
  const { origin } = init
  const components = { host, coordinator, blobs, metadata, origin, onEvent: ignore, onTrouble: ignore }
  const downloads = new Downloads(components)
  const server = new ChunkServer({
    host,
    find: (digest, registry) => downloads.find(digest, registry),
    onEvent: ignore,
  })
  await Promise.all([coordinator.start(), server.start()])
  t.teardown(async () => {
    await downloads.stop()
    coordinator.stop()
    await real.stop()
    await cache.stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  return { host, swarm: { content: downloads }, die: () => real.stop() }
}

/** A blob that the given node coordinates: its CID is closest to it. */
export async function blobNear(
  node: FaultyNode,
  origin: MemoryOrigin,
  size: number,
): Promise<ContentAddress> {
  const blob = randomBlob(size)
  for (;;) {
    blob[0] = ((blob[0] ?? 0) + 1) % 256
    const address = origin.add(Uint8Array.from(blob))
    const key = digestToCid(address.digest).multihash.bytes
    const [closest] = await node.host.closestPeers(key, 1)
    if (closest === node.host.peer) return address
  }
}

/** The host with some of its methods replaced. */
export function withMethods(host: SwarmHost, methods: Partial<SwarmHost>): SwarmHost {
  return replaced(host, methods)
}

/** The stream with some of its methods replaced. */
export function withStreamMethods(stream: MessageStream, methods: Partial<MessageStream>): MessageStream {
  return replaced(stream, methods)
}

/** Puts a fault between a host's streams of one protocol and what serves them. */
export function servingWith(
  protocol: string,
  fault: (stream: MessageStream, handler: StreamHandler) => Promise<void>,
): WrapHost {
  return (host) =>
    withMethods(host, {
      handle: (name, handler, options) =>
        host.handle(name, name === protocol ? (stream) => fault(stream, handler) : handler, options),
    })
}

/** Private fields want the object itself as `this`. */
function replaced<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(name in methods ? methods : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
