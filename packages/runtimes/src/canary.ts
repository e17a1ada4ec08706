import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { posix } from 'node:path'
import { promisify } from 'node:util'
import { canaryName } from '@shoal/content'
import type { AgentClient } from './agent-client.ts'
import { CriClient } from './cri-client.ts'
import { DockerClient } from './docker-client.ts'
import type { HostFiles } from './host-files.ts'
import type { Probe, RuntimePlan } from './plan.ts'

const runFile = promisify(execFile)
const pullTimeoutMs = 90_000
const tag = 'probe'

/** One pull through a runtime. */
export interface CanaryResult {
  readonly runtime: string
  readonly registry: string
  /** Whether it came by the shim of this node. */
  readonly seen: boolean
  /** Why the pull failed, if it did. Also one that was seen can fail, by a signature policy for instance. */
  readonly error: string | undefined
}

/** Pulls an image through the runtime from each registry that the plan has to prove, and asks the agent for it. */
export async function sendCanaries(
  { runtime, probe, proves }: RuntimePlan,
  { files, agent }: { files: HostFiles; agent: AgentClient },
): Promise<CanaryResult[]> {
  const results: CanaryResult[] = []
  if (probe === undefined) return results
  for (const registry of proves) {
    const name = canaryName(randomBytes(16))
    const error = await pull(probe, { registry, name }, files).then(() => undefined, messageOf)
    const seen = (await agent.canaries()).has(`${registry}/${name}`)
    results.push({ runtime, registry, seen, error })
  }
  return results
}

interface Canary {
  readonly registry: string
  readonly name: string
}

/** Leaves no image behind. */
async function pull(probe: Probe, { registry, name }: Canary, files: HostFiles): Promise<void> {
  const image = `${registry}/${name}`
  if (probe.kind === 'cri') {
    using cri = new CriClient(await files.locate(probe.socket))
    await cri.pull(`${image}:${tag}`)
    return await cri.remove(`${image}:${tag}`)
  }
  if (probe.kind === 'docker') {
    await using docker = new DockerClient(await files.locate(probe.socket))
    const short = registry === 'docker.io' ? name : image
    await docker.pull(short, tag)
    return await docker.remove(short, tag)
  }
  await pullByCommand(`${image}:${tag}`, probe.user, files)
}

/** Podman, Skopeo and Buildah have no daemon to ask: their own command runs, on the host's files. */
async function pullByCommand(
  image: string,
  user: { uid: number; gid: number; home: string } | undefined,
  files: HostFiles,
): Promise<void> {
  const directory = await mkdtemp(posix.join(files.root, await files.resolve('/tmp'), 'shoal-canary-'))
  if (user !== undefined) await chown(directory, user.uid, user.gid)
  const inHost = posix.join('/', posix.relative(files.root, directory))
  try {
    const [program, ...args] = await commandFor(image, inHost, files)
    const isElsewhere = posix.resolve(files.root) !== '/'
    const asUser = user === undefined ? [] : [`--userspec=${user.uid}:${user.gid}`]
    const command =
      isElsewhere || user !== undefined ? ['chroot', ...asUser, files.root, program ?? ''] : [program ?? '']
    await runFile(command[0] as string, [...command.slice(1), ...args], {
      timeout: pullTimeoutMs,
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: user?.home ?? '/root' },
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function commandFor(image: string, directory: string, files: HostFiles): Promise<string[]> {
  for (const path of ['/usr/bin', '/usr/local/bin']) {
    const has = async (name: string) =>
      (await files.snapshotKind(await files.resolve(posix.join(path, name)))).kind === 'file'
    // Skopeo needs no image store at all.
    if (await has('skopeo')) {
      return [
        posix.join(path, 'skopeo'),
        'copy',
        `docker://${image}`,
        `dir:${posix.join(directory, 'image')}`,
      ]
    }
    const store = ['--root', posix.join(directory, 'root'), '--runroot', posix.join(directory, 'run')]
    for (const name of ['podman', 'buildah']) {
      if (await has(name))
        return [posix.join(path, name), ...store, '--storage-driver=vfs', 'pull', '--quiet', image]
    }
  }
  throw new Error('neither skopeo, podman nor buildah is there to pull with')
}

function messageOf(error: unknown): string {
  const text =
    error instanceof Error && 'stderr' in error && error.stderr ? String(error.stderr) : String(error)
  return text.trim().split('\n').at(-1)?.slice(0, 400) ?? ''
}
