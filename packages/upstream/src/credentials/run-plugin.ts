import { type ExecFileException, execFile } from 'node:child_process'

/** Plugins ask a cloud's metadata service or a keyring: both answer within seconds, or not at all. */
const timeoutMs = 10_000
const maxOutputBytes = 256 * 1024

export interface PluginRun {
  readonly file: string
  readonly args: readonly string[]
  /** On top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Written to its standard input. */
  readonly input: string
  readonly signal?: AbortSignal | undefined
}

/** A plugin that ran and said no, or did not run. Its output may hold secrets, so it is not in the message. */
export class PluginError extends Error {
  /** For the caller to look at, not to show. */
  readonly output: string

  constructor(file: string, cause: ExecFileException, output: string) {
    const { code } = cause
    super(`credential plugin ${file} ${code == null ? 'was ended: it took too long' : `failed: ${code}`}`)
    this.name = 'PluginError'
    this.output = output
  }
}

/** Runs a program that gives credentials, and returns what it wrote to its standard output. @throws PluginError */
export function runPlugin({ file, args, env, input, signal }: PluginRun): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, maxBuffer: maxOutputBytes, signal, env: { ...process.env, ...env } }
    const child = execFile(file, args, options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(signal?.aborted ? signal.reason : new PluginError(file, error, stdout.slice(0, 1_024)))
    })
    // One that ended without reading its input has said why by its exit code.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}
