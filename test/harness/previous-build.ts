import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const binaries = join(repository, 'node_modules/.bin')
/** A quarter of a minute where the packages are in pnpm's store; a cold one fetches them all. */
const stepTimeoutMs = 300_000

/** The commit before the one that is checked out; undefined in a clone without it, or where there is no git. */
export async function previousCommit(): Promise<string | undefined> {
  const asked = await execa('git', ['rev-parse', '--verify', '--quiet', 'HEAD^^{commit}'], {
    cwd: repository,
    reject: false,
    timeout: stepTimeoutMs,
  })
  return asked.exitCode === 0 ? asked.stdout.trim() : undefined
}

/** Another commit of this repository, built in a directory of its own, which goes when this is disposed of. */
export class PreviousBuild implements AsyncDisposable {
  readonly commit: string
  readonly #directory: string

  private constructor(commit: string, directory: string) {
    this.commit = commit
    this.#directory = directory
  }

  static async create(commit: string): Promise<PreviousBuild> {
    const build = new PreviousBuild(commit, await mkdtemp(join(tmpdir(), 'shoal-previous-')))
    try {
      await build.#make()
      return build
    } catch (error) {
      await build[Symbol.asyncDispose]()
      throw error
    }
  }

  /** What Node.js runs for `shoal`. */
  get cli(): string {
    return join(this.#directory, 'packages/agent/dist/cli.js')
  }

  async #make(): Promise<void> {
    const archive = join(this.#directory, 'source.tar')
    await this.#run('git', ['archive', '--output', archive, this.commit], repository)
    await this.#run('tar', ['-xf', archive])
    await rm(archive)
    // Its own versions of what it depends on, by its own lock file.
    await this.#run(join(binaries, 'pnpm'), ['install', '--frozen-lockfile', '--prefer-offline'])
    await this.#run(join(this.#directory, 'node_modules/.bin/tsc'), ['-b'])
  }

  async #run(file: string, args: readonly string[], cwd = this.#directory): Promise<void> {
    const env = { PATH: `${binaries}:${process.env.PATH ?? ''}`, CI: 'true' }
    await execa(file, args, { cwd, env, stdin: 'ignore', timeout: stepTimeoutMs })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}
