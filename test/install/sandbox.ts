import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Daemon } from '../harness/daemon.ts'
import { environment, run } from '../harness/run.ts'
import { removeTree } from '../harness/workspace.ts'

/** Directories in which a host's runtimes keep their state. */
const stateDirectories = ['/var/lib/containerd', '/var/lib/docker', '/var/lib/containers', '/opt/containerd']

/**
 * A host of its own in mount and process namespaces: its /etc and /run are its own, and it sees no process but its
 * own. Either this machine's Debian or a root directory that debootstrap made.
 */
export class Sandbox implements AsyncDisposable {
  /** Where the host's root directory is, in the namespaces. */
  readonly root: string
  readonly #work: string
  readonly #process: ChildProcess
  readonly #pid: number
  readonly #daemons: Daemon[] = []

  private constructor(root: string, work: string, process: ChildProcess, pid: number) {
    this.root = root
    this.#work = work
    this.#process = process
    this.#pid = pid
  }

  static async start(root = '/'): Promise<Sandbox> {
    const work = await mkdtemp(join(tmpdir(), 'shoal-host-'))
    const script = join(work, 'setup')
    await writeFile(script, setUp(root, work))
    await Promise.all(['etc', 'etc-work', 'state', 'var'].map((name) => mkdir(join(work, name))))
    const process = spawn(
      'unshare',
      ['--mount', '--pid', '--fork', '--propagation', 'private', 'sh', '-e', script],
      { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const lines = createInterface({ input: process.stdout })
    const ended = once(process, 'exit').then(([status]) =>
      Promise.reject(new Error(`no sandbox: status ${status}`)),
    )
    await Promise.race([once(lines, 'line'), ended])
    ended.catch(() => {})
    const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    return new Sandbox(root, work, process, Number(children))
  }

  /** Where a path of the host is for this process. */
  path(path: string): string {
    return join(`/proc/${this.#pid}/root`, this.root, path)
  }

  /** Runs a program of the host on it. */
  async run(file: string, args: readonly string[]): Promise<string> {
    return await run('nsenter', [...this.#enter, ...this.#asHost, file, ...args])
  }

  /** Runs a program of this machine in the host's namespaces, as from a container with the host's directories. */
  async runBeside(file: string, args: readonly string[]): Promise<string> {
    return await run('nsenter', [...this.#enter, file, ...args])
  }

  /** Starts a daemon of the host. */
  async daemon(file: string, args: readonly string[], ready: (line: string) => boolean): Promise<Daemon> {
    const nsenter = [...this.#enter, ...this.#asHost, file, ...args]
    const daemon = await Daemon.start({ name: file, file: 'nsenter', args: nsenter, ready })
    this.#daemons.push(daemon)
    return daemon
  }

  /** The process id that the host knows a program by. */
  async pidOf(program: string): Promise<string> {
    // By the host's own /proc: the machine may run others.
    return await this.run('pgrep', ['-o', '-x', program])
  }

  /** All of /etc: kinds, modes, owners, times of the last change, links, contents. */
  async describeEtc(): Promise<string> {
    const format = '%P %y %m %U:%G %T@ %l\\n'
    const list = await this.run('find', ['/etc', '-printf', format])
    const sums = await this.run('find', ['/etc', '-type', 'f', '-exec', 'sha256sum', '{}', '+'])
    return [...list.split('\n').sort(), ...sums.split('\n').sort()].join('\n')
  }

  get #enter(): string[] {
    return ['--target', String(this.#pid), '--mount', '--pid']
  }

  get #asHost(): string[] {
    return this.root === '/' ? [] : ['chroot', this.root]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit')
    // The first process of the namespace: all others of it end with it.
    process.kill(this.#pid, 'SIGKILL')
    await exited
    for (const daemon of this.#daemons) await daemon.stop()
    await removeTree(this.#work)
  }
}

/** Runs in the namespaces. */
function setUp(root: string, work: string): string {
  const state = stateDirectories.map((path, index) => {
    const own = `${work}/state/${index}`
    return `mkdir -p ${own} ${root}${path}; mount --bind ${own} ${root}${path}`
  })
  return `
${root === '/' ? '' : `mount --rbind ${root} ${root}; mount --rbind /dev ${root}/dev; mount --rbind /sys ${root}/sys`}
mount -t overlay overlay -o lowerdir=${root}/etc,upperdir=${work}/etc,workdir=${work}/etc-work ${root}/etc
mount -t tmpfs run ${root}/run
mount -t proc proc ${root}/proc
${state.join('\n')}
mkdir -p ${root}/var/lib/shoal
mount --bind ${work}/var ${root}/var/lib/shoal
echo ready
exec sleep infinity
`
}
