import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { Daemon } from './daemon.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))

/** Where bytes that a node holds or served came from, since it started. */
export interface Transfers {
  readonly fromUpstream: number
  readonly fromPeers: number
  readonly fromCache: number
}

interface Status {
  readonly peers: readonly string[]
  readonly transfers: Transfers
}

interface Addresses {
  readonly registry: string
  readonly admin: string
  readonly swarm: readonly string[]
}

export interface NodeInit {
  readonly name: string
  /** For its data. */
  readonly directory: string
  readonly secretFile: string
  /** Multiaddrs of nodes that run. */
  readonly bootstrap: readonly string[]
  /** `127.0.0.1:<port>` of the registry that stands for docker.io. */
  readonly upstream: string
}

/** A Shoal agent, as a process of its own. */
export class SwarmNode implements AsyncDisposable {
  /** `127.0.0.1:<port>`, where container runtimes reach it. */
  readonly shim: string
  /** Multiaddrs for other nodes' `bootstrap`. */
  readonly addresses: readonly string[]
  readonly #admin: string
  readonly #daemon: Daemon

  private constructor({ registry, admin, swarm }: Addresses, daemon: Daemon) {
    this.shim = registry
    this.addresses = swarm
    this.#admin = admin
    this.#daemon = daemon
  }

  static async start({ name, directory, secretFile, bootstrap, upstream }: NodeInit): Promise<SwarmNode> {
    const daemon = await Daemon.start({
      name: `agent ${name}`,
      file: process.execPath,
      args: [
        ...[cli, 'agent', '--data-dir', directory, '--cluster-secret-file', secretFile],
        ...['--registry-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'],
        ...['--swarm-listen', '/ip4/127.0.0.1/tcp/0', ...bootstrap.flatMap((peer) => ['--bootstrap', peer])],
        ...['--upstream', `docker.io=http://${upstream}`],
      ],
      ready: (line) => line.includes('"msg":"agent ready"'),
    })
    return new SwarmNode(JSON.parse(daemon.readyLine) as Addresses, daemon)
  }

  async transfers(): Promise<Transfers> {
    return (await this.#status()).transfers
  }

  /** The end of the agent's log. */
  get log(): string {
    return this.#daemon.log
  }

  /** Waits until the node has a peer. */
  async joined(): Promise<void> {
    const deadline = AbortSignal.timeout(joinTimeoutMs)
    while ((await this.#status()).peers.length === 0) {
      await delay(statusIntervalMs, undefined, { signal: deadline })
    }
  }

  async #status(): Promise<Status> {
    const { statusCode, body } = await request(`http://${this.#admin}/api/v1/status`)
    if (statusCode !== 200) throw new Error(`the agent's status is ${statusCode}: ${await body.text()}`)
    return (await body.json()) as Status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
  }
}

/** Bootstrap takes well under a second on loopback; this is for a busy machine. */
const joinTimeoutMs = 30_000
const statusIntervalMs = 100

export interface SwarmInit {
  readonly nodes: number
  /** Takes the nodes' data. */
  readonly directory: string
  readonly upstream: string
}

/** Starts a swarm, all nodes joined; the first one is what the others bootstrap from. */
export async function startSwarm({ nodes: count, directory, upstream }: SwarmInit) {
  await using started = new AsyncDisposableStack()
  const secretFile = join(directory, 'secret')
  await writeFile(secretFile, randomBytes(32).toString('base64url'), { mode: 0o600 })
  const nodes: SwarmNode[] = []
  for (let index = 0; index < count; index++) {
    const name = String(index)
    const bootstrap = nodes[0]?.addresses ?? []
    const home = join(directory, name)
    nodes.push(started.use(await SwarmNode.start({ name, directory: home, secretFile, bootstrap, upstream })))
  }
  await Promise.all(nodes.map((node) => node.joined()))
  const held = started.move()
  return { nodes, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
