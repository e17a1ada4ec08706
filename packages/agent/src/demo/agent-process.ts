import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AbortOptions } from '@shoal/content'
import type { AgentAddresses } from '../agent.ts'
import type { AgentStatus } from '../agent-status.ts'
import { readableFault } from '../readable-fault.ts'
import { DemoError } from './demo-error.ts'

export interface AgentProcessInit {
  /** For messages: `node 3`. */
  readonly name: string
  /** Flags of `shoal agent`. */
  readonly flags: readonly string[]
  /** Where agents leave compiled modules to those that start after them. @default none is kept */
  readonly compileCacheDir?: string | undefined
}

/** An agent's process ended without having been told to. */
export interface AgentDeath {
  /** For people: `was ended by SIGKILL`. */
  readonly how: string
  /** It ended by itself. Otherwise somebody else ended it, by a signal. */
  readonly crashed: boolean
  /** The same with the end of its log. */
  readonly error: DemoError
}

interface Exit {
  readonly how: string
  readonly signal: NodeJS.Signals | null
}

/** Sixteen nodes that start at once on two cores need about a second each. */
const startDeadlineMs = 60_000
/** A little more than an agent allows itself. */
const stopDeadlineMs = 11_000
const statusDeadlineMs = 5_000
/** Lines kept of a log, to show when its node fails. */
const tailLines = 15

/** The entry file of this package, which is also what runs us. */
const cli = fileURLToPath(new URL('../cli.js', import.meta.url))

/** An agent in a process of its own, which ends when this one does. */
export class AgentProcess {
  readonly name: string
  readonly #child: ChildProcess
  readonly #exited: Promise<Exit>
  readonly #tail: string[] = []
  #addresses: AgentAddresses | undefined
  #stopping = false

  private constructor({ name, flags, compileCacheDir }: AgentProcessInit) {
    this.name = name
    // The IPC channel carries nothing: its closing tells the agent that we are gone. Ctrl-C on a terminal goes
    // to the whole process group; in a group of its own, the agent is stopped by us and when we want it.
    this.#child = spawn(process.execPath, [cli, 'agent', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: {
        ...withoutSettings(process.env),
        ...(compileCacheDir !== undefined && { NODE_COMPILE_CACHE: compileCacheDir }),
      },
    })
    this.#exited = this.#exit()
  }

  /** Resolves when the agent says that it is ready. */
  static async start(init: AgentProcessInit, { signal }: AbortOptions = {}): Promise<AgentProcess> {
    const agent = new AgentProcess(init)
    try {
      await agent.#becomeReady(signal)
      return agent
    } catch (error) {
      await agent.stop()
      throw error
    }
  }

  get addresses(): AgentAddresses {
    if (this.#addresses === undefined) throw new DemoError(`${this.name} is not ready`)
    return this.#addresses
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Calls back when the process ends without `stop`, also when that was long ago. */
  onDeath(listener: (death: AgentDeath) => void): void {
    this.#exited.then(({ how, signal }) => {
      if (this.#stopping) return
      listener({ how, crashed: signal === null, error: this.#failure(`it ${how}`) })
    })
  }

  /** SIGKILL, as a node that loses power: a death like any other. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async status({ signal }: AbortOptions = {}): Promise<AgentStatus> {
    const deadline = AbortSignal.timeout(statusDeadlineMs)
    const url = `http://${this.addresses.admin}/api/v1/status`
    try {
      const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, deadline]) : deadline })
      return (await response.json()) as AgentStatus
    } catch (cause) {
      signal?.throwIfAborted()
      throw this.#failure(`its status can't be had: ${readableFault(cause)}`, cause)
    }
  }

  /** SIGTERM, and SIGKILL for one that does not heed it. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopDeadlineMs)
    await this.#exited
    clearTimeout(timer)
  }

  async #exit(): Promise<Exit> {
    try {
      const [code, signal] = await once(this.#child, 'exit')
      return { how: signal === null ? `exited with status ${code}` : `was ended by ${signal}`, signal }
    } catch (error) {
      return { how: `could not be started: ${readableFault(error)}`, signal: null }
    }
  }

  async #becomeReady(signal: AbortSignal | undefined): Promise<void> {
    const { promise: ready, resolve } = Promise.withResolvers<undefined>()
    this.#readLines((addresses) => {
      this.#addresses = addresses
      resolve(undefined)
    })
    const deadline = AbortSignal.timeout(startDeadlineMs)
    const ended = once(signal ? AbortSignal.any([signal, deadline]) : deadline, 'abort')
    const failure = await Promise.race([
      ready,
      this.#exited.then(({ how }) => `it ${how}`),
      ended.then(() => `it was not ready after ${startDeadlineMs / 1000} s`),
    ])
    signal?.throwIfAborted()
    if (failure !== undefined) throw this.#failure(failure)
  }

  #readLines(onReady: (addresses: AgentAddresses) => void): void {
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        this.#tail.push(line)
        if (this.#tail.length > tailLines) this.#tail.shift()
        const addresses = readyLine(line)
        if (addresses !== undefined) onReady(addresses)
      })
    }
  }

  #failure(what: string, cause?: unknown): DemoError {
    const log = this.#tail.map((line) => `\n    ${line.slice(0, 500)}`).join('')
    return new DemoError(`${this.name} failed: ${what}; the end of its log:${log || ' (empty)'}`, { cause })
  }
}

/** The addresses, when the line is the log's `agent ready`. */
function readyLine(line: string): AgentAddresses | undefined {
  if (!line.includes('"agent ready"')) return undefined
  const { registry, admin, swarm } = JSON.parse(line) as AgentAddresses
  return { registry, admin, swarm }
}

/** Settings of the person's own agent are not meant for these. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('SHOAL_')))
}
