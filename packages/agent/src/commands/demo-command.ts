import { type Command, InvalidArgumentError, Option } from 'commander'
import { exitCodes } from './exit.ts'
import { untilTold } from './termination.ts'

/** More processes than this tell nothing that the simulator does not, and exhaust a laptop. */
const maxNodes = 64

interface DemoFlags {
  readonly nodes: number
  readonly kill: number
  readonly imageDir?: string
  readonly dataDir?: string
  readonly keep?: true
  readonly json?: true
}

/** `shoal demo` */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('show it: a swarm on this machine pulls one image at the same time from one registry')
    .addOption(new Option('--nodes <n>', `how many agents, 1 to ${maxNodes}`).default(5).argParser(nodeCount))
    .addOption(
      new Option('--kill <n>', 'how many of them to kill midway; the others go on')
        .default(0)
        .argParser(killCount),
    )
    .option('--image-dir <dir>', 'OCI image layout to pull (default: made of files of this machine)')
    .option('--keep', 'leave the swarm up until Ctrl-C, and print how to pull from it')
    .option('--json', 'end the output with one JSON object')
    .option('--data-dir <dir>', "where to work (default: the system's temporary directory)")
    .action(demo)
}

async function demo({ json, ...flags }: DemoFlags, command: Command): Promise<void> {
  if (flags.kill >= flags.nodes) {
    command.error(
      `error: --kill ${flags.kill} leaves none of ${flags.nodes} nodes; kill fewer, or take more --nodes`,
    )
  }
  const end = new AbortController()
  // SIGHUP: the terminal was closed.
  void untilTold(['SIGTERM', 'SIGINT', 'SIGHUP']).then(() => end.abort())
  // Whoever read the output has gone (`| head`): no reason to leave agents and files behind.
  process.stdout.on('error', () => end.abort())
  // Only now: the agents that run from this file have no use for it.
  const { runDemo } = await import('../demo/demo.ts')
  try {
    const report = await runDemo({ ...flags, output: process.stdout }, { signal: end.signal })
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`)
    process.exitCode = report.verified ? exitCodes.done : exitCodes.failed
  } catch (error) {
    if (!end.signal.aborted) throw error
    process.stderr.write('shoal: interrupted; everything was cleaned up\n')
    process.exitCode = exitCodes.interrupted
  }
}

function killCount(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number, less than --nodes.')
}

function nodeCount(text: string): number {
  const nodes = Number(text)
  if (/^\d+$/.test(text) && nodes >= 1 && nodes <= maxNodes) return nodes
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${maxNodes}.`)
}
