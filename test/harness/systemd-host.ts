import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { environment, run } from './run.ts'

/** systemd takes a second or two; this is for a busy machine. */
const bootTimeoutMs = 60_000
const pollMs = 50

/**
 * A host that systemd runs: this machine's Debian in namespaces of its own, with no units but Debian's and those of an
 * archive that is unpacked at its root. It has no network but loopback.
 */
export class SystemdHost implements AsyncDisposable {
  readonly #work: string
  readonly #cgroup: string
  readonly #process: ChildProcess
  readonly #pid: number

  private constructor(init: { work: string; cgroup: string; process: ChildProcess; pid: number }) {
    this.#work = init.work
    this.#cgroup = init.cgroup
    this.#process = init.process
    this.#pid = init.pid
  }

  /** Boots it. */
  static async start(archive: string): Promise<SystemdHost> {
    const work = await mkdtemp(join(tmpdir(), 'shoal-systemd-'))
    const cgroup = join(await cgroupRoot(), basename(work))
    await Promise.all(['upper', 'work', 'root'].map((name) => mkdir(join(work, name))))
    const script = join(work, 'setup')
    await writeFile(script, setUp({ work, archive }))
    // Its own control group first, which is the root of all that it makes.
    const enter = `mkdir ${cgroup}; echo 0 > ${cgroup}/cgroup.procs; exec "$0" "$@"`
    const namespaces = ['--cgroup', '--ipc', '--mount', '--net', '--pid', '--uts', '--fork']
    const process = spawn(
      'sh',
      ['-ec', enter, 'unshare', ...namespaces, '--propagation', 'private', 'sh', '-e', script],
      { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const pid = await firstProcess(process)
    const host = new SystemdHost({ work, cgroup, process, pid })
    try {
      await host.#booted()
      return host
    } catch (error) {
      await host[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Runs a program of the host on it. */
  async run(file: string, ...args: string[]): Promise<string> {
    return await run('nsenter', ['--target', String(this.#pid), '--all', file, ...args])
  }

  async write(path: string, text: string): Promise<void> {
    await run(
      'nsenter',
      ['--target', String(this.#pid), '--all', 'sh', '-c', `mkdir -p "\${0%/*}"; cat > "$0"`, path],
      {
        input: text,
      },
    )
  }

  /** What systemd knows about a unit. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--property', name, '--value', unit)).trim()
  }

  async #booted(): Promise<void> {
    const signal = AbortSignal.timeout(bootTimeoutMs)
    const state = () => this.run('systemctl', 'is-system-running').catch((error) => String(error.stdout))
    // A unit of Debian's that can't start in here is none of our business.
    while (!/^(running|degraded)/.test(await state())) await delay(pollMs, undefined, { signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit')
    // The first process of the namespace: all others of it end with it.
    process.kill(this.#pid, 'SIGKILL')
    await exited
    await run('find', [this.#cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
    await rm(this.#work, { recursive: true, force: true })
  }
}

/** Where this machine has control groups of version 2, beside those of version 1 or alone. */
async function cgroupRoot(): Promise<string> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '))
  const [, path] = mounts.find(([, , type]) => type === 'cgroup2') ?? []
  if (path === undefined)
    throw new Error('this machine has no control groups of version 2, which systemd needs')
  return path
}

/** The first process of the new namespace, seen from here. */
async function firstProcess(unshare: ChildProcess): Promise<number> {
  let complaints = ''
  unshare.stderr?.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const signal = AbortSignal.timeout(bootTimeoutMs)
  for (;;) {
    const children = await readFile(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8').catch(
      () => '',
    )
    const [child] = children.trim().split(' ')
    const name = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')
    if (name === 'systemd\n') return Number(child)
    if (unshare.exitCode !== null) throw new Error(`no host: status ${unshare.exitCode}: ${complaints}`)
    await delay(pollMs, undefined, { signal })
  }
}

/** Runs in the namespaces. */
function setUp({ work, archive }: { readonly work: string; readonly archive: string }): string {
  const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
  return `
ip link set lo up
mount -t overlay overlay -o lowerdir=/,upperdir=${work}/upper,workdir=${work}/work ${work}/root
cd ${work}/root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
${devices.map((name) => `touch dev/${name}; mount --bind /dev/${name} dev/${name}`).join('\n')}
mkdir dev/pts dev/shm
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs etc/systemd/system
rm -rf etc/shoal opt/shoal var/lib/shoal var/lib/private/shoal var/log/journal
tar -xzf ${archive}
pivot_root . mnt
umount -l /mnt
# In a container systemd leaves that to who made it; credentials of services are mounted elsewhere, and come by this.
mount --make-rshared /
exec env -i container=shoal-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target >/dev/null 2>&1
`
}
