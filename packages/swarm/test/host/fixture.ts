import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, Stream } from '@libp2p/interface'
import { digestFromHash, digestToCid } from '@shoal/content'
import type { ExecutionContext } from 'ava'
import type { CID } from 'multiformats/cid'
import { DepartedPeers } from '../../dist/discovery/departed-peers.js'
import { type ClusterSecret, parseClusterSecret } from '../../dist/host/cluster-secret.js'
import { ConnectionGate } from '../../dist/host/connection-gate.js'
import type { HostLogger } from '../../dist/host/host-logger.js'
import { openHostStore } from '../../dist/host/host-store.js'
import { createNode, type Node } from '../../dist/host/libp2p-node.js'
import { MessageStream, type MessageStreamInit } from '../../dist/host/message-stream.js'
import { parseAddress } from '../../dist/host/peer-addresses.js'
import { createSwarmHost, type SwarmHost, type SwarmHostInit } from '../../dist/host/swarm-host.js'

export const loopback = '/ip4/127.0.0.1/tcp/0'
export const secretText = '6f1c2b7e9d03a4855b7c91e2f6a8d04c3e5b7a9180f2d4c6'
export const clusterSecret: ClusterSecret = parseClusterSecret(secretText)

/** Starts a host on loopback that is stopped with the test. */
export async function startHost(t: ExecutionContext, init: Partial<SwarmHostInit> = {}): Promise<SwarmHost> {
  // Far beyond what a busy machine needs, where a test is not about the deadline itself.
  const timings = { openTimeoutMs: 20_000, ...init.timings }
  const host = await createSwarmHost({ listen: [loopback], clusterSecret, ...init, timings })
  t.teardown(() => host.stop())
  return host
}

/** Starts `count` hosts (20 at most) that all know each other. */
export async function startMesh(t: ExecutionContext, count: number): Promise<SwarmHost[]> {
  const first = await startHost(t)
  const hosts = [first]
  while (hosts.length < count) hosts.push(await startHost(t, { bootstrap: hosts.map(addressOf) }))
  await Promise.all(hosts.map((host) => knows(host, count - 1)))
  return hosts
}

/** Waits until a host has `count` peers in its routing table: connected, identified, and pinged. */
export async function knows(host: SwarmHost, count: number): Promise<void> {
  const key = new Uint8Array(32)
  await eventually(
    () => host.closestPeers(key, count + 1),
    (peers) => peers.length > count,
  )
}

/** Asks again until the answer is as wanted; for what happens in the background and tells nobody. */
export async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    await sleep(5)
  }
}

export function addressOf(host: SwarmHost): string {
  const address = host.addresses()[0]
  if (address === undefined) throw new Error('the host has no address')
  return address
}

export function withoutId(address: string): string {
  return address.slice(0, address.indexOf('/p2p/'))
}

/** The next peer that connects to a host, or leaves it. */
export function nextPeer(host: SwarmHost, event: 'onPeerConnected' | 'onPeerDisconnected'): Promise<string> {
  return new Promise((resolve) => {
    const unsubscribe = host[event]((peer) => {
      unsubscribe()
      resolve(peer)
    })
  })
}

export interface PeerProcess {
  readonly peer: string
  readonly address: string
  readonly process: ChildProcess
}

/** Starts a host in a process of its own, which is killed with the test. */
export async function startProcess(t: ExecutionContext, ...args: string[]): Promise<PeerProcess> {
  const child = fork(new URL('./peer-process.ts', import.meta.url), args)
  t.teardown(() => child.kill('SIGKILL'))
  const [{ peer, address }] = (await once(child, 'message')) as [{ peer: string; address: string }]
  return { peer, address, process: child }
}

export function randomCid(): CID {
  return digestToCid(digestFromHash('sha256', randomBytes(32)))
}

export async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-host-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export interface LogLine {
  readonly level: keyof HostLogger
  readonly message: string
  readonly fields: Record<string, unknown>
}

/** A logger that keeps its lines, and can wait for one. */
export class RecordingLogger implements HostLogger {
  readonly lines: LogLine[] = []
  readonly #waiting = new Set<() => void>()

  error(fields: object, message: string): void {
    this.#add('error', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#add('warn', fields, message)
  }

  info(fields: object, message: string): void {
    this.#add('info', fields, message)
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message)
  }

  at(level: keyof HostLogger): LogLine[] {
    return this.lines.filter((line) => line.level === level)
  }

  seen(level: keyof HostLogger): Promise<LogLine> {
    return this.find((line) => line.level === level)
  }

  /** The first line that is as wanted; waits for it. */
  async find(isWanted: (line: LogLine) => boolean): Promise<LogLine> {
    while (true) {
      const line = this.lines.find(isWanted)
      if (line !== undefined) return line
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #add(level: keyof HostLogger, fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...fields } })
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** A libp2p node as the host makes it, without what the host puts around it. */
export async function startNode(t: ExecutionContext, secret: ClusterSecret = clusterSecret): Promise<Node> {
  const store = await openHostStore()
  const node = await createNode(
    { store, gate: new ConnectionGate(), departed: new DepartedPeers() },
    { listen: [parseAddress(loopback)], announce: [], clusterSecret: secret, dialTimeoutMs: 3_000 },
  )
  await node.start()
  t.teardown(() => node.stop())
  return node
}

export interface StreamPair {
  /** The end that opened the stream. */
  readonly client: MessageStream
  readonly clientStream: Stream
  readonly server: MessageStream
  readonly serverStream: Stream
  /** The client's connection. */
  readonly connection: Connection
}

/** One libp2p stream between two nodes, both ends in hand. */
export async function openStreamPair(
  t: ExecutionContext,
  init: Partial<MessageStreamInit> = {},
): Promise<StreamPair> {
  const [clientNode, serverNode] = await Promise.all([startNode(t), startNode(t)])
  const incoming = Promise.withResolvers<Stream>()
  await serverNode.handle('/test/1.0.0', (stream) => incoming.resolve(stream))
  const connection = await clientNode.dial(serverNode.getMultiaddrs())
  const clientStream = await connection.newStream('/test/1.0.0')
  const serverStream = await incoming.promise
  return {
    client: new MessageStream(clientStream, { peer: 'server', ...init }),
    clientStream,
    server: new MessageStream(serverStream, { peer: 'client', ...init }),
    serverStream,
    connection,
  }
}

/** Bytes that differ from place to place, so that a loss or a swap shows. */
export function patterned(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  const words = new Uint32Array(bytes.buffer, 0, length >> 2)
  let state = seed + 1
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[index] = state
  }
  return bytes
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
