import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { execa, type ResultPromise } from 'execa'
import { environment } from '../../harness/run.ts'
import type { Host } from '../../testbed/host.ts'
import type { BenchImage } from './bench-image.ts'

/** A program that pulls an image, and ends when all of it is there. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** When things happened on one node, in seconds since the first node began. */
export interface PullTimes {
  readonly started: number
  /** Of the first layer; only where the command tells. */
  readonly firstByte: number | undefined
  readonly done: number
}

export interface PullsInit {
  /** One for each node. */
  readonly pulls: readonly { readonly host: Host; readonly command: Command }[]
  /** How many pull at the same time; the next begins when one is done. */
  readonly atOnce: number
  readonly timeoutMs: number
}

const timed = fileURLToPath(new URL('./timed.sh', import.meta.url))
const registryPull = fileURLToPath(new URL('./registry-pull.sh', import.meta.url))

/** The command that pulls an image from a registry, given as `<host>:<port>`, without keeping it. */
export function pullFromRegistry(registry: string, image: BenchImage): Command {
  const { repository, tag, manifest, config, layers } = image
  const digests = [manifest, config, ...layers].map(({ digest }) => digest)
  return { file: registryPull, args: [registry, repository, tag, ...digests] }
}

/**
 * Pulls on many nodes. Every command is started before the first may begin, so that starting programs is not measured.
 *
 * @throws when a pull fails or takes too long, with what it said
 */
export async function pullOnNodes({ pulls, atOnce, timeoutMs }: PullsInit): Promise<PullTimes[]> {
  await using timedPulls = new AsyncDisposableStack()
  const ready = await Promise.all(
    pulls.map(async ({ host, command }) => {
      const pull = timedPulls.use(new TimedPull(host, command, timeoutMs))
      await pull.ready
      return pull
    }),
  )
  const times: RawTimes[] = new Array(ready.length)
  const waiting = ready.entries()
  const work = async (): Promise<void> => {
    for (const [index, pull] of waiting) times[index] = await pull.go()
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const begin = Math.min(...times.map(({ started }) => started))
  return times.map(({ started, firstByte, done }) => ({
    started: started - begin,
    firstByte: firstByte === undefined ? undefined : firstByte - begin,
    done: done - begin,
  }))
}

/** As {@link PullTimes}, by the machine's clock. */
type RawTimes = PullTimes

/** One pull: started, ready, and waiting for its line. */
class TimedPull implements AsyncDisposable {
  readonly ready: Promise<void>
  readonly #name: string
  readonly #child: ResultPromise<typeof pullOptions & { timeout: number }>
  readonly #output: string[] = []
  #times: Partial<RawTimes> = {}

  constructor(host: Host, { file, args, env }: Command, timeoutMs: number) {
    this.#name = host.name
    const command = host.command(timed, [file, ...args])
    this.#child = execa(command.file, command.args, {
      ...pullOptions,
      env: environment(env),
      timeout: timeoutMs,
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line === 'ready') resolve()
        else this.#read(line)
      })
    }
    void this.#child.then(() => reject(this.#failure('ended before it began')))
  }

  async go(): Promise<RawTimes> {
    this.#child.stdin.end('\n')
    const { failed, shortMessage } = await this.#child
    const { started, done, firstByte } = this.#times
    if (failed || started === undefined || done === undefined)
      throw this.#failure(shortMessage ?? 'told no times')
    return { started, done, firstByte }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child
  }

  #read(line: string): void {
    const [word, first, second] = line.split(' ')
    if (word === 'first-byte') this.#times = { ...this.#times, firstByte: Number(first) }
    else if (word === 'done') this.#times = { ...this.#times, started: Number(first), done: Number(second) }
    else this.#output.push(line)
  }

  #failure(what: string): Error {
    return new Error(`the pull on ${this.#name} failed: ${what}\n${this.#output.slice(-20).join('\n')}`)
  }
}

const pullOptions = { extendEnv: false, stdin: 'pipe', buffer: false, reject: false } as const
