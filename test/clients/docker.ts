import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Containerd } from '../harness/containerd.ts'
import type { Daemon } from '../harness/daemon.ts'
import type { Machine } from '../harness/machine.ts'
import { run } from '../harness/run.ts'
import { type Client, type PulledImage, type PullRequest, thisHost } from './client.ts'
import { indexOf } from './image.ts'

/** dockerd, with the shim among its `registry-mirrors`. */
export const docker: Client = {
  name: 'dockerd',
  program: 'dockerd',
  pull,
  digestOf: (image) => indexOf(image).digest,
}

async function pull({
  shim,
  repository,
  tag,
  directory,
  host = thisHost,
}: PullRequest): Promise<PulledImage> {
  await using resources = new AsyncDisposableStack()
  const [containerdHome, dockerHome] = [join(directory, 'containerd'), join(directory, 'docker')]
  await Promise.all([mkdir(containerdHome), mkdir(dockerHome)])
  const { machine } = host
  const containerd = resources.use(await Containerd.start(containerdHome, shim, { machine }))
  const socket = join(dockerHome, 'd.sock')
  resources.use(await startDockerd(dockerHome, { socket, shim, machine, containerd: containerd.socket }))
  // This machine's command, whichever daemon it talks to.
  const inDocker = (...args: string[]) =>
    run('docker', ['--config', join(dockerHome, 'client'), '--host', `unix://${socket}`, ...args])
  const name = `${repository}:${tag}`
  await inDocker('pull', '--quiet', name)
  const repoDigest = await inDocker('image', 'inspect', '--format', '{{index .RepoDigests 0}}', name)
  const archive = join(directory, 'image.tar')
  await inDocker('save', '--output', archive, name)
  const root = join(directory, 'rootfs')
  await mkdir(root)
  await unpackSaved(archive, root)
  const held = resources.move()
  return {
    digest: repoDigest.split('@')[1] ?? repoDigest,
    root,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

interface DockerdInit {
  readonly socket: string
  readonly shim: string
  readonly machine: Machine
  /** The socket of a containerd of our own: dockerd would look for the machine's. */
  readonly containerd: string
}

/** Without networks, so that the machine's firewall and interfaces stay as they are. */
async function startDockerd(
  home: string,
  { socket, shim, machine, containerd }: DockerdInit,
): Promise<Daemon> {
  const file = join(home, 'daemon.json')
  const configuration = {
    'registry-mirrors': [`http://${shim}`],
    'data-root': join(home, 'root'),
    'exec-root': join(home, 'exec'),
    pidfile: join(home, 'pid'),
    'deprecated-key-path': join(home, 'key.json'),
    'storage-driver': 'overlay2',
    bridge: 'none',
    iptables: false,
    ip6tables: false,
    'ip-forward': false,
    containerd,
  }
  await writeFile(file, JSON.stringify(configuration))
  return await machine.start({
    name: 'dockerd',
    file: 'dockerd',
    args: ['--config-file', file, '--host', `unix://${socket}`],
    ready: (line) => line.includes('API listen on'),
  })
}

/** Unpacks the layers of what `docker save` wrote, one over the other. */
async function unpackSaved(archive: string, root: string): Promise<void> {
  const saved = JSON.parse(await run('tar', ['-xOf', archive, 'manifest.json'])) as { Layers: string[] }[]
  for (const layer of saved[0]?.Layers ?? []) {
    await run('sh', ['-c', 'tar -xOf "$1" "$2" | tar -xf - -C "$3"', 'sh', archive, layer, root])
  }
}
