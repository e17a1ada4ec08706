import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { Daemon } from './daemon.ts'
import type { KeptSocket } from './kept-socket.ts'

/** This build's. */
const ownCli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))

/** Bootstrap takes well under a second on loopback; this is for a busy machine. */
const joinTimeoutMs = 30_000
/** Syncing takes milliseconds; this is for a busy disk. */
const storeTimeoutMs = 30_000
const statusIntervalMs = 100

const anyFreePorts = {
  shim: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  addresses: ['/ip4/127.0.0.1/tcp/0'],
}

/** Where bytes that a node holds or served came from, since it started. */
export interface Transfers {
  readonly fromUpstream: number
  readonly fromPeers: number
  readonly fromCache: number
}

/** The part of an agent's status that tests look at. */
export interface Status {
  readonly state: string
  readonly peer: string
  readonly peers: readonly string[]
  readonly transfers: Transfers
  /** Blobs that are being fetched, or put away. */
  readonly downloads: readonly unknown[]
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
  /** Registries by `<registry>=<url>`. */
  readonly upstreams: readonly string[]
  /** Further flags of `shoal agent`. */
  readonly flags?: readonly string[]
  /** What Node.js runs for `shoal`. @default this build */
  readonly cli?: string
  /** What runs it: a program and its arguments before the entry file. @default this process's Node.js */
  readonly runtime?: readonly [file: string, ...args: string[]]
  /** A node that is gone, whose addresses it takes over. @default free ports */
  readonly inPlaceOf?: Pick<SwarmNode, 'shim' | 'admin' | 'addresses'>
  /** What its shim listens on. @default a socket of its own */
  readonly socket?: KeptSocket | undefined
}

/** A Shoal agent, as a process of its own. */
export class SwarmNode implements AsyncDisposable {
  /** `127.0.0.1:<port>`, where container runtimes reach it. */
  readonly shim: string
  /** Multiaddrs for other nodes' `bootstrap`. */
  readonly addresses: readonly string[]
  readonly directory: string
  /** `127.0.0.1:<port>` of its admin API. */
  readonly admin: string
  readonly #daemon: Daemon
  readonly #lines: readonly string[]

  private constructor(
    { registry, admin, swarm }: Addresses,
    { directory, daemon, lines }: { directory: string; daemon: Daemon; lines: readonly string[] },
  ) {
    this.shim = registry
    this.addresses = swarm
    this.directory = directory
    this.admin = admin
    this.#daemon = daemon
    this.#lines = lines
  }

  /** Of its process. */
  get pid(): number {
    return this.#daemon.pid
  }

  static async start(init: NodeInit): Promise<SwarmNode> {
    const { name, directory, secretFile, bootstrap, upstreams, flags = [], cli = ownCli, inPlaceOf } = init
    const runtime = init.runtime ?? [process.execPath]
    const { file, args: runtimeArgs, ...inherited } = init.socket?.handOver(runtime) ?? runs(runtime)
    const { admin, addresses } = inPlaceOf ?? anyFreePorts
    const shim = init.socket?.address ?? inPlaceOf?.shim ?? anyFreePorts.shim
    const swarm = addresses.map((address) => address.replace(/\/p2p\/.*/, ''))
    const lines: string[] = []
    const daemon = await Daemon.start({
      name: `agent ${name}`,
      file,
      ...inherited,
      args: [
        ...[...runtimeArgs, cli, 'agent', '--data-dir', directory, '--cluster-secret-file', secretFile],
        ...['--registry-listen', shim, '--admin-listen', admin],
        // Clients are done when a test is; what is about their being midway says how long they have.
        ...(cli === ownCli ? ['--registry-drain', '0s'] : []),
        ...swarm.flatMap((address) => ['--swarm-listen', address]),
        ...bootstrap.flatMap((peer) => ['--bootstrap', peer]),
        ...upstreams.flatMap((upstream) => ['--upstream', upstream]),
        ...flags,
      ],
      onLine: (line) => lines.push(line),
      ready: (line) => line.includes('"msg":"agent ready"'),
    })
    return new SwarmNode(JSON.parse(daemon.readyLine) as Addresses, { directory, daemon, lines })
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.#admins('/api/v1/status')) as Status
  }

  async transfers(): Promise<Transfers> {
    return (await this.status()).transfers
  }

  /** What Prometheus would scrape. */
  async metrics(): Promise<string> {
    return await this.#admins('/metrics')
  }

  /** The end of the agent's log. */
  get log(): string {
    return this.#daemon.log
  }

  /** The most memory that the agent has had resident, in bytes. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.#daemon.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  }

  /** All of the agent's log. */
  get wholeLog(): string {
    return this.#lines.join('\n')
  }

  /** Waits until the node has so many peers. */
  async joined(peers = 1): Promise<void> {
    const deadline = AbortSignal.timeout(joinTimeoutMs)
    while ((await this.status()).peers.length < peers) {
      await delay(statusIntervalMs, undefined, { signal: deadline })
    }
  }

  /** Waits until what was pulled is on the disk: clients have their last bytes before. */
  async stored(): Promise<void> {
    const deadline = AbortSignal.timeout(storeTimeoutMs)
    while ((await this.status()).downloads.length > 0) {
      await delay(statusIntervalMs, undefined, { signal: deadline })
    }
  }

  /** SIGTERM; resolves when the agent has ended. */
  async terminate(): Promise<void> {
    await this.#daemon.stop()
  }

  /** SIGKILL: no farewell to anyone. */
  async kill(): Promise<void> {
    await this.#daemon.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
  }

  async #admins(path: string): Promise<string> {
    const { statusCode, body } = await request(`http://${this.admin}${path}`)
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`the agent's ${path} is ${statusCode}: ${text}`)
    return text
  }
}

const runs = ([file, ...args]: readonly [string, ...string[]]) => ({ file, args })

export interface SwarmInit {
  readonly nodes: number
  /** Takes the nodes' data. */
  readonly directory: string
  /** Registries by `<registry>=<url>`. */
  readonly upstreams: readonly string[]
  /** Further flags of `shoal agent`. */
  readonly flags?: readonly string[]
}

/** Starts a swarm, all nodes joined; the first one is what the others bootstrap from. */
export async function startSwarm({ nodes: count, directory, upstreams, flags = [] }: SwarmInit) {
  await using started = new AsyncDisposableStack()
  const secretFile = await newSecretFile(directory)
  const nodes: SwarmNode[] = []
  for (let index = 0; index < count; index++) {
    const name = String(index)
    const bootstrap = nodes[0]?.addresses ?? []
    const home = join(directory, name)
    nodes.push(
      started.use(await SwarmNode.start({ name, directory: home, secretFile, bootstrap, upstreams, flags })),
    )
  }
  if (count > 1) await Promise.all(nodes.map((node) => node.joined()))
  const held = started.move()
  return { nodes, secretFile, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** A cluster secret that nobody else has. */
export async function newSecretFile(directory: string): Promise<string> {
  const text = randomBytes(32).toString('base64url')
  const secretFile = join(directory, `secret-${text.slice(0, 8)}`)
  await writeFile(secretFile, text, { mode: 0o600 })
  return secretFile
}
