import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AbortOptions } from '@shoal/content'
import { generateClusterSecret } from '@shoal/swarm'
import { AgentProcess } from './agent-process.ts'
import { DemoError } from './demo-error.ts'
import { forEachOf } from './work-pool.ts'

export interface SwarmOfAgentsInit {
  readonly nodes: number
  /** Each node's data directory is made in it. */
  readonly workDir: string
  /** `<registry>=<url>`, as `--upstream` takes it. */
  readonly upstream: string
  readonly onReady?: (node: AgentProcess) => void
}

/** A start takes about a second of CPU: more at a time would only make all of them late. */
const parallelStarts = 3
/** So many neighbours make a swarm, however many nodes there are: chunks travel through them to the rest. */
const enoughPeers = 8
const meshDeadlineMs = 45_000
const meshPollMs = 200

/** Agents on this machine, each a process with its own data directory, joined to one swarm. */
export class SwarmOfAgents {
  readonly nodes: readonly AgentProcess[]

  private constructor(nodes: readonly AgentProcess[]) {
    this.nodes = nodes
  }

  /** Resolves when every node is ready and has found the others. Starts nothing for good when one fails. */
  static async start(init: SwarmOfAgentsInit, options: AbortOptions = {}): Promise<SwarmOfAgents> {
    const nodes: AgentProcess[] = []
    const swarm = new SwarmOfAgents(nodes)
    try {
      const secretFile = join(init.workDir, 'cluster-secret')
      await writeFile(secretFile, `${generateClusterSecret()}\n`, { mode: 0o600 })
      const startNode = async (number: number, bootstrap: readonly string[]) => {
        const node = await startAgent(init, { number, secretFile, bootstrap }, options)
        nodes[number - 1] = node
        init.onReady?.(node)
      }
      await startNode(1, [])
      const others = Array.from({ length: init.nodes - 1 }, (_, index) => index + 2)
      const bootstrap = nodes[0]?.addresses.swarm.slice(0, 1) ?? []
      await forEachOf(others, parallelStarts, (number) => startNode(number, bootstrap))
      await swarm.#meet(options)
      return swarm
    } catch (error) {
      await swarm.stop()
      throw error
    }
  }

  /** Ends the agents that this started. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  async #meet({ signal }: AbortOptions): Promise<void> {
    const wanted = Math.min(this.nodes.length - 1, enoughPeers)
    const deadline = performance.now() + meshDeadlineMs
    for (const node of this.nodes) {
      for (;;) {
        const { peers } = await node.status({ signal })
        if (peers.length >= wanted) break
        if (performance.now() > deadline) {
          throw new DemoError(
            `${node.name} found ${peers.length} of ${wanted} peers within ${meshDeadlineMs / 1000} s`,
          )
        }
        await delay(meshPollMs, undefined, { signal })
      }
    }
  }
}

async function startAgent(
  { workDir, upstream }: SwarmOfAgentsInit,
  node: { number: number; secretFile: string; bootstrap: readonly string[] },
  options: AbortOptions,
): Promise<AgentProcess> {
  const name = `node ${node.number}`
  const dataDir = join(workDir, `node-${node.number}`)
  await mkdir(dataDir, { recursive: true })
  const flags = [
    ...['--data-dir', dataDir],
    ...['--cluster-secret-file', node.secretFile],
    // Whoever is told to stop has been pulled from: there is nothing to wait for.
    ...['--registry-listen', '127.0.0.1:0', '--registry-drain', '0s'],
    ...['--swarm-listen', '/ip4/127.0.0.1/tcp/0'],
    ...['--admin-listen', '127.0.0.1:0'],
    ...['--upstream', upstream],
    ...node.bootstrap.flatMap((address) => ['--bootstrap', address]),
  ]
  return AgentProcess.start({ name, flags, compileCacheDir: join(workDir, 'compile-cache') }, options)
}
