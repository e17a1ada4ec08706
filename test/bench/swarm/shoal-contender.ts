import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { newSecretFile } from '../../harness/agents.ts'
import type { Daemon } from '../../harness/daemon.ts'
import type { Host } from '../../testbed/host.ts'
import type { Cluster, Contender } from './contender.ts'
import { hostUsage } from './host-usage.ts'

const cli = fileURLToPath(new URL('../../../packages/agent/dist/cli.js', import.meta.url))
const shim = '127.0.0.1:5005'
/** A start takes about a second of CPU: more at a time would only make all of them late. */
const parallelStarts = 3
/** So many neighbours make a swarm, however many nodes there are. */
const enoughPeers = 8
const joinTimeoutMs = 60_000
const pollMs = 250
/**
 * An agent that has joined takes less than this share of a core; one that starts takes all it gets. It is 1 % where the
 * machine is busy, and up to 8 % on a virtual machine that idles, each wake-up of which is dear.
 */
const quietShare = 0.15

/** An agent on every node, joined to one swarm and quiet before anything is pulled. */
export const shoal: Contender = {
  name: 'shoal',
  async start(cluster) {
    await using started = new AsyncDisposableStack()
    const secretFile = await newSecretFile(await cluster.directory('secret'))
    const waiting = cluster.nodes.slice(1).values()
    const start = async (node: Host) => started.use(await startAgent(cluster, node, secretFile))
    const [first] = cluster.nodes
    if (first !== undefined) await start(first)
    const work = async (): Promise<void> => {
      for (const node of waiting) await start(node)
    }
    await Promise.all(Array.from({ length: parallelStarts }, work))
    await settled(cluster.nodes)
    const held = started.move()
    return { registryOf: () => shim, [Symbol.asyncDispose]: () => held.disposeAsync() }
  },
}

async function startAgent(
  { nodes, registry, directory }: Cluster,
  node: Host,
  secretFile: string,
): Promise<Daemon> {
  const home = await directory(node.name)
  const bootstrap = node === nodes[0] ? [] : [`/ip4/${nodes[0]?.address}/tcp/5006`]
  return await node.start({
    name: `agent on ${node.name}`,
    file: process.execPath,
    args: [
      ...[cli, 'agent', '--data-dir', home, '--cluster-secret-file', secretFile],
      ...['--registry-listen', shim, '--swarm-listen', `/ip4/${node.address}/tcp/5006`],
      ...['--upstream', `docker.io=http://${registry.host}`],
      ...bootstrap.flatMap((address) => ['--bootstrap', address]),
    ],
    env: { NODE_COMPILE_CACHE: join(home, '..', 'compile-cache') },
    ready: (line) => line.includes('"msg":"agent ready"'),
  })
}

/** Waits until every agent knows the others, and none has anything left to do. */
async function settled(nodes: readonly Host[]): Promise<void> {
  const deadline = AbortSignal.timeout(joinTimeoutMs)
  for (const node of nodes) {
    while ((await peersOf(node)) < Math.min(enoughPeers, nodes.length - 1)) {
      await delay(pollMs, undefined, { signal: deadline })
    }
  }
  for (let before = await cpuOf(nodes); ; ) {
    await delay(1_000, undefined, { signal: deadline })
    const now = await cpuOf(nodes)
    if (now - before < quietShare * nodes.length) return
    before = now
  }
}

async function peersOf(node: Host): Promise<number> {
  const status = await node.run('curl', ['--fail', '--silent', 'http://127.0.0.1:5007/api/v1/status'])
  return (JSON.parse(status) as { peers: string[] }).peers.length
}

async function cpuOf(nodes: readonly Host[]): Promise<number> {
  const usages = await Promise.all(nodes.map(hostUsage))
  return usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
}
