import { readHostsRoot } from './detect-containerd.ts'
import { DockerClient } from './docker-client.ts'
import type { HostFiles } from './host-files.ts'
import type { DockerState } from './host-state.ts'
import { flagValues, listProcesses, type Process } from './processes.ts'

const defaultSocket = '/run/docker.sock'

/** The Docker that serves on this host, if one does. */
export async function detectDocker(
  files: HostFiles,
  unseen: (what: string, error: unknown) => void,
): Promise<DockerState | undefined> {
  for (const { socket, process } of await findSockets(files)) {
    try {
      return await inspect(socket, process, files)
    } catch (error) {
      unseen(`docker at ${socket}`, error)
    }
  }
  return undefined
}

async function findSockets(files: HostFiles): Promise<{ socket: string; process: Process | undefined }[]> {
  const found = []
  for (const process of await listProcesses(files.root, 'dockerd')) {
    const hosts = flagValues(process, '-H', '--host').filter((host) => host.startsWith('unix://'))
    const sockets = hosts.length > 0 ? hosts.map((host) => host.slice('unix://'.length)) : [defaultSocket]
    for (const socket of sockets) found.push({ socket: await files.resolve(socket), process })
  }
  const fallback = await files.resolve(defaultSocket)
  if (!found.some(({ socket }) => socket === fallback)) found.push({ socket: fallback, process: undefined })
  const there = await Promise.all(
    found.map(async ({ socket }) => (await files.snapshot(socket)).kind === 'other'),
  )
  return found.filter((_, index) => there[index])
}

async function inspect(socket: string, process: Process | undefined, files: HostFiles): Promise<DockerState> {
  await using docker = new DockerClient(await files.locate(socket))
  const info = await docker.info()
  const [path = '/etc/docker/daemon.json'] = process === undefined ? [] : flagValues(process, '--config-file')
  return {
    socket,
    ...info,
    flagMirrors: process === undefined ? [] : flagValues(process, '--registry-mirror'),
    configFile: { path, text: await files.readText(path), writable: await files.isWritable(path) },
    pid: process?.pid,
    hosts: await readHostsRoot('/etc/docker/certs.d', files),
  }
}
