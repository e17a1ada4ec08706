import { execFile } from 'node:child_process'
import { posix } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { CriClient } from './cri-client.ts'
import { isSame } from './daemon-json.ts'
import { DockerClient } from './docker-client.ts'
import { RuntimesError } from './errors.ts'
import { type HostFiles, systemCode } from './host-files.ts'
import type { Activation } from './plan.ts'

const runFile = promisify(execFile)
/** dockerd takes milliseconds to reload, containerd a second to start: this is for a busy node. */
const activationTimeoutMs = 30_000
const pollMs = 100
const restartTimeoutMs = 120_000

export interface ActivateOptions {
  readonly files: HostFiles
  /** Restarts a unit, in place of `systemctl restart <unit>`: run by a shell, the unit as `$1`. */
  readonly restartCommand?: string | undefined
}

/** Has a runtime take its configuration, and waits until it did. */
export async function activate(activation: Activation, options: ActivateOptions): Promise<void> {
  const { files } = options
  if (activation.kind === 'reload') return hangUp(activation.pid, activation.program)
  if (activation.kind === 'restart') return await restart(activation, options)
  const { pid, socket, mirror } = activation
  await reloadDocker({ pid, socket, files }, (mirrors) => mirrors.some((other) => isSame(other, mirror)))
}

/**
 * Sends SIGHUP to dockerd, and waits until its mirrors are as expected.
 *
 * @throws RuntimesError when they are not in time: dockerd refuses a configuration that it finds wrong
 */
export async function reloadDocker(
  { pid, socket, files }: { pid: number; socket: string; files: HostFiles },
  isExpected: (mirrors: readonly string[]) => boolean,
): Promise<void> {
  await using docker = new DockerClient(await files.locate(socket))
  hangUp(pid, 'dockerd')
  await eventually(async () => isExpected((await docker.info()).mirrors), {
    what: 'dockerd did not take its registry-mirrors on SIGHUP',
    remedy: "look into dockerd's log for the reason",
  })
}

/**
 * Sends SIGHUP; a process that is gone needs none.
 *
 * @throws RuntimesError when it is another's
 */
export function hangUp(pid: number, program: string): void {
  try {
    process.kill(pid, 'SIGHUP')
  } catch (cause) {
    if (systemCode(cause) === 'ESRCH') return
    throw new RuntimesError('host', `can't signal ${program} (pid ${pid}); run as root, or with hostPID`, {
      cause,
    })
  }
}

async function restart(
  { unit, socket }: { unit: string; socket: string },
  { files, restartCommand }: ActivateOptions,
): Promise<void> {
  const command =
    restartCommand === undefined ? ['systemctl', 'restart', unit] : ['sh', '-c', restartCommand, 'sh', unit]
  const [file = '', ...args] =
    posix.resolve(files.root) === '/' ? command : ['chroot', files.root, ...command]
  try {
    await runFile(file, args, { timeout: restartTimeoutMs, cwd: '/' })
  } catch (cause) {
    const remedy = 'restart it by hand, or say how with --restart-command'
    throw new RuntimesError('host', `could not restart ${unit} (${command.join(' ')}); ${remedy}`, { cause })
  }
  using cri = new CriClient(await files.locate(socket))
  const isUp = () =>
    cri
      .version()
      .then((version) => version !== undefined)
      .catch(() => false)
  await eventually(isUp, {
    what: `${unit} did not come back`,
    remedy: `look into its log: journalctl -u ${unit}`,
  })
}

async function eventually(
  check: () => Promise<boolean>,
  { what, remedy }: { what: string; remedy: string },
): Promise<void> {
  const end = Date.now() + activationTimeoutMs
  while (!(await check())) {
    if (Date.now() > end)
      throw new RuntimesError('host', `${what} within ${activationTimeoutMs / 1000} s; ${remedy}`)
    await delay(pollMs)
  }
}
