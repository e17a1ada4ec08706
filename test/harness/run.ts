import { tmpdir } from 'node:os'
import { execa } from 'execa'

export interface RunOptions {
  /** Replaces the environment, except for what {@link environment} sets. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** For its standard input; nothing if undefined. */
  readonly input?: string
  /** @default 120_000, some ten times what the slowest pull here takes */
  readonly timeoutMs?: number
}

/**
 * The environment of every program that the suite starts: nothing of the caller's (no credentials, no proxies,
 * no configuration in a home directory), and Debian's own programs before others of the same name.
 */
export function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C.UTF-8',
    TMPDIR: tmpdir(),
    ...extra,
  }
}

/**
 * Runs a program to its end and returns its standard output.
 *
 * @throws when it fails or takes too long; the message has the command and what it wrote on standard error
 */
export async function run(
  file: string,
  args: readonly string[],
  { env = {}, cwd, input, timeoutMs = 120_000 }: RunOptions = {},
): Promise<string> {
  const { stdout } = await execa(file, args, {
    env: environment(env),
    extendEnv: false,
    timeout: timeoutMs,
    forceKillAfterDelay: 5_000,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    maxBuffer: 32 << 20,
    ...(cwd === undefined ? {} : { cwd }),
  })
  return stdout
}
