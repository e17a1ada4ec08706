import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Daemon } from '../harness/daemon.ts'
import { run } from '../harness/run.ts'

export interface Mount {
  readonly source: string
  readonly destination: string
  readonly readOnly?: boolean
}

export interface ContainerInit {
  /** No other container of this machine may have it. */
  readonly id: string
  /** What is in the image; it stays as it is. */
  readonly root: string
  /** An empty directory for runc's files. */
  readonly bundle: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** User and group. @default the image's own */
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly mounts?: readonly Mount[]
}

export const imageUser = { uid: 65532, gid: 65532 }

/** runc's arguments for a container as the chart's pods are: read-only, without capabilities, in the host's network. */
export async function prepareContainer(init: ContainerInit): Promise<string[]> {
  const { id, root, bundle, args, env = {}, user = imageUser, mounts = [] } = init
  await run('runc', ['spec', '--bundle', bundle])
  const file = join(bundle, 'config.json')
  const spec = JSON.parse(await readFile(file, 'utf8'))
  spec.root = { path: root, readonly: true }
  spec.process = {
    ...spec.process,
    terminal: false,
    args,
    user,
    env: Object.entries({ PATH: '/opt/shoal/bin:/bin', HOME: '/home/nonroot', ...env }).map((pair) =>
      pair.join('='),
    ),
    capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
    noNewPrivileges: true,
  }
  // Only the privileged may raise them, and a test suite need not be.
  delete spec.process.rlimits
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }: { type: string }) => type !== 'network')
  for (const { source, destination, readOnly } of mounts) {
    const options = ['rbind', readOnly === true ? 'ro' : 'rw']
    spec.mounts.push({ source, destination, type: 'bind', options })
  }
  await writeFile(file, JSON.stringify(spec))
  return ['--root', join(bundle, 'state'), 'run', '--bundle', bundle, id]
}

/** Runs a command in a container to its end; returns what it wrote. */
export async function runInContainer(init: ContainerInit): Promise<string> {
  return await run('runc', await prepareContainer(init))
}

/** Starts a container that serves until it is stopped. */
export async function startContainer(
  init: ContainerInit & { readonly ready: (line: string) => boolean },
): Promise<Daemon> {
  const args = await prepareContainer(init)
  return await Daemon.start({ name: `container ${init.id}`, file: 'runc', args, ready: init.ready })
}
