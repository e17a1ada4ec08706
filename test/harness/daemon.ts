import { createInterface } from 'node:readline'
import { execa, type ResultPromise } from 'execa'
import { environment } from './run.ts'

export interface DaemonInit {
  /** For messages. */
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Descriptors of this process that it inherits, as 3 and on. */
  readonly descriptors?: readonly number[]
  /** The line, on standard output or standard error, that says that it serves. */
  readonly ready: (line: string) => boolean
  readonly onLine?: (line: string) => void
  /** Tells the program to end, where that is not the process which was started. */
  readonly terminate?: () => Promise<unknown>
}

/** None of the daemons here takes more than 5 s, on a busy machine. */
const startTimeoutMs = 60_000
/** dockerd gives its own children 10 s. */
const stopTimeoutMs = 20_000
/** Enough of the end of a log to see why a daemon gave up. */
const keptLines = 40

/** A program that runs until it is stopped. */
export class Daemon implements AsyncDisposable {
  /** The line that satisfied {@link DaemonInit.ready}. */
  readonly readyLine: string
  readonly #process: ResultPromise<typeof daemonOptions>
  readonly #lastLines: readonly string[]
  readonly #terminate: (() => Promise<unknown>) | undefined
  #hasEnded = false

  private constructor(
    process: ResultPromise<typeof daemonOptions>,
    {
      readyLine,
      lastLines,
      terminate,
    }: { readyLine: string; lastLines: readonly string[]; terminate: DaemonInit['terminate'] },
  ) {
    this.#terminate = terminate
    this.#process = process
    void process.then(() => {
      this.#hasEnded = true
    })
    this.readyLine = readyLine
    this.#lastLines = lastLines
  }

  /** @throws when the program ends, or does not say that it is ready in time; the message has the end of its log */
  static async start(init: DaemonInit): Promise<Daemon> {
    const child = execa(init.file, init.args, {
      ...daemonOptions,
      // execa takes any descriptor; its types, only three entries of those below 10.
      stdio: [...daemonOptions.stdio, ...(init.descriptors ?? [])] as unknown as typeof daemonOptions.stdio,
      env: environment(init.env),
    })
    const lastLines: string[] = []
    const outcome = Promise.withResolvers<string>()
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lastLines.push(line)
        if (lastLines.length > keptLines) lastLines.shift()
        init.onLine?.(line)
        if (init.ready(line)) outcome.resolve(line)
      })
    }
    const giveUp = (what: string) =>
      outcome.reject(new Error(`${init.name} ${what}; the end of its log:\n${lastLines.join('\n')}`))
    const timer = setTimeout(giveUp, startTimeoutMs, `was not ready within ${startTimeoutMs} ms`)
    void child.then((result) => giveUp(`ended (${result.shortMessage ?? `status ${result.exitCode}`})`))
    try {
      const { terminate } = init
      return new Daemon(child, { readyLine: await outcome.promise, lastLines, terminate })
    } catch (error) {
      child.kill()
      await child
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** The end of what it wrote, for whoever looks into a failure. */
  get log(): string {
    return this.#lastLines.join('\n')
  }

  /** Whether it has ended, by itself or by whoever else. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** @throws when the program did not start */
  get pid(): number {
    const { pid } = this.#process
    if (pid === undefined) throw new Error('the program has no process')
    return pid
  }

  /** Ends the program, by force when it does not end by itself. */
  async stop(): Promise<void> {
    if (this.#terminate === undefined) this.#process.kill()
    else await this.#terminate()
    await this.#process
  }

  /** Ends the program without a word to it. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#process
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

const daemonOptions = {
  extendEnv: false,
  stdio: ['ignore', 'pipe', 'pipe'],
  buffer: false,
  // What it ends with is looked at, not thrown.
  reject: false,
  forceKillAfterDelay: stopTimeoutMs,
} as const
