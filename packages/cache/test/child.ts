import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

/** A process that does not outlive the test. */
export interface Child {
  /** What it printed, a line at a time, to the last before its end. Read it once. */
  readonly lines: AsyncIterable<string>
  /** As if by `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>
  /** The exit status, once it ended by itself. */
  ended(): Promise<number | null>
}

/** Runs a script of this directory. */
export function runScript(t: ExecutionContext, script: string, args: readonly string[]): Child {
  return run(t, process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args])
}

export function run(t: ExecutionContext, command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    if (isRunning(child)) child.kill('SIGKILL')
    await exited
  }
  t.teardown(kill)
  return {
    lines: linesOf(child.stdout),
    kill,
    async ended() {
      const [status] = await exited
      return status
    },
  }
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  for await (const text of stream.setEncoding('utf8')) {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}
