/**
 * Some hosts of the discovery benchmark, in a process of their own. Started by discovery.bench.ts with an IPC channel
 * and `<number of hosts>`; told what to do by {@link Command}s, each of which it answers.
 */
import { setFlagsFromString } from 'node:v8'

// Before anything is allocated: the agent's entry file does the same.
setFlagsFromString('--scavenger-max-new-space-capacity-mb=8')

const { digestToCid, parseDigest } = await import('../../packages/content/dist/index.js')
const { parseClusterSecret } = await import('../../packages/swarm/dist/host/cluster-secret.js')
const { createSwarmHost } = await import('../../packages/swarm/dist/host/swarm-host.js')

export type Command =
  | { readonly type: 'start'; readonly bootstrap: string[] }
  | { readonly type: 'routable' }
  | { readonly type: 'provide'; readonly host: number; readonly digests: string[] }
  | { readonly type: 'announced' }
  | { readonly type: 'find'; readonly host: number; readonly digest: string; readonly limit: number }
  | { readonly type: 'usage' }

export interface Usage {
  readonly messages: number
  readonly cpuSeconds: number
  readonly rssBytes: number
}

type Host = Awaited<ReturnType<typeof createSwarmHost>>

const count = Number(process.argv[2])
const clusterSecret = parseClusterSecret('6f1c2b7e9d03a4855b7c91e2f6a8d04c3e5b7a9180f2d4c6')
const hosts: Host[] = []
const announced = new Set<unknown>()
const ignore = (): void => undefined
const logger = {
  error: ignore,
  warn: ignore,
  info: ignore,
  debug: (fields: { cid?: string; told?: number }, message: string): void => {
    if (message === 'announced' && (fields.told ?? 0) > 0) announced.add(fields.cid)
  },
}

process.on('message', (command: Command) => {
  void carryOut(command).then((answer) => process.send?.({ answer }))
})

async function carryOut(command: Command): Promise<unknown> {
  switch (command.type) {
    case 'start':
      return start(command.bootstrap)
    case 'routable':
      return Math.min(...hosts.map((host) => host.routablePeers()))
    case 'provide':
      for (const digest of command.digests) hostAt(command.host).discovery.provide(cidOf(digest))
      return undefined
    case 'announced':
      return announced.size
    case 'find':
      return find(hostAt(command.host), command.digest, command.limit)
    case 'usage':
      return usage()
  }
}

/** Each is given three of those that are up, as a headless Service names some at random. */
async function start(bootstrap: readonly string[]): Promise<string[]> {
  for (let index = 0; index < count; index++) {
    const known = someOf([...bootstrap, ...hosts.flatMap((host) => host.addresses())], 3)
    const timings = { openTimeoutMs: 20_000 }
    hosts.push(
      await createSwarmHost({
        listen: ['/ip4/127.0.0.1/tcp/0'],
        clusterSecret,
        bootstrap: known,
        logger,
        timings,
      }),
    )
  }
  return hosts.flatMap((host) => host.addresses())
}

function someOf<T>(items: readonly T[], most: number): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, most)
    .map(({ item }) => item)
}

async function find(host: Host, digest: string, limit: number): Promise<{ ms: number; found: number }> {
  const startMs = performance.now()
  let found = 0
  for await (const _ of host.discovery.find(cidOf(digest), { limit, timeoutMs: 5_000 })) found++
  return { ms: performance.now() - startMs, found }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return {
    messages: hosts.reduce((sum, { discovery }) => sum + discovery.messagesSent, 0),
    cpuSeconds: (user + system) / 1e6,
    rssBytes: process.memoryUsage().rss,
  }
}

function hostAt(index: number): Host {
  const host = hosts[index]
  if (host === undefined) throw new RangeError(`no host ${index}`)
  return host
}

function cidOf(digest: string) {
  return digestToCid(parseDigest(digest))
}
