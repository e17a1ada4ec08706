import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { execa, type ResultPromise } from 'execa'
import type { AgentAddresses } from '../dist/agent.js'
import type { LogLine } from './fixture.ts'

export const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

/** Long enough for two cores that are busy with other tests; a command that hangs fails by it. */
const deadlineMs = 60_000

export interface Ended {
  readonly status: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command that ends by itself. */
export async function shoal(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [cli, ...args], {
    reject: false,
    timeout: deadlineMs,
    env: environment,
  })
  return { status: exitCode, stdout, stderr }
}

export interface SpawnedAgent {
  readonly process: ResultPromise<{ reject: false }>
  /** The log so far, and what reads it. */
  readonly lines: LogLine[]
  readonly reader: Interface
  ended(): Promise<Ended>
}

/** Free ports on loopback. */
export const anyPorts = [
  ...['--registry-listen', '127.0.0.1:0'],
  ...['--admin-listen', '127.0.0.1:0'],
  ...['--swarm-listen', '/ip4/127.0.0.1/tcp/0'],
]

/** Starts `shoal agent` and waits until it is ready. It ends with the test. */
export async function startAgent(
  t: ExecutionContext,
  ...flags: string[]
): Promise<SpawnedAgent & { addresses: AgentAddresses }> {
  const agent = spawnAgent(t, flags)
  const ready = await lineOf(agent, 'agent ready')
  return { ...agent, addresses: ready as unknown as AgentAddresses }
}

/**
 * The same without waiting.
 *
 * @param within - a command that runs the agent as its last arguments say
 * @param descriptors - what it inherits, from 3 on
 */
export function spawnAgent(
  t: ExecutionContext,
  flags: readonly string[],
  environment: Record<string, string> = {},
  within: readonly string[] = [],
  descriptors: readonly number[] = [],
): SpawnedAgent {
  const [file = '', ...args] = [...within, process.execPath, cli, 'agent', ...anyPorts, ...flags]
  const child = execa(file, args, {
    reject: false,
    timeout: deadlineMs,
    env: environment,
    // execa takes any descriptor; its types, only three entries of those below 10.
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors] as ['pipe', 'pipe', 'pipe'],
    // A test that ends an agent sees how it ends by itself.
    forceKillAfterDelay: false,
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await child
  })
  const ended = async (): Promise<Ended> => {
    const { exitCode, stdout, stderr } = await child
    return { status: exitCode, stdout: String(stdout), stderr: String(stderr) }
  }
  const lines: LogLine[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(JSON.parse(line)))
  return { process: child, lines, reader, ended }
}

/** Waits for a line of the agent's log. */
export async function lineOf(agent: SpawnedAgent, msg: string): Promise<LogLine> {
  const closed = once(agent.reader, 'close')
  for (;;) {
    const found = agent.lines.find((line) => line.msg === msg)
    if (found !== undefined) return found
    const more = await Promise.race([once(agent.reader, 'line'), closed])
    if (more.length === 0)
      throw new Error(`the agent ended without "${msg}": ${(await agent.ended()).stderr}`)
  }
}
