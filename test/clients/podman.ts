import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Client, type PulledImage, type PullRequest, thisHost } from './client.ts'
import { indexOf } from './image.ts'
import { writeRegistriesConf } from './registries-conf.ts'

/** podman, with a store of its own. */
export const podman: Client = {
  name: 'podman',
  program: 'podman',
  pull,
  digestOf: (image) => indexOf(image).digest,
}

async function pull({
  shim,
  server,
  repository,
  tag,
  directory,
  host = thisHost,
}: PullRequest): Promise<PulledImage> {
  const env = {
    HOME: directory,
    CONTAINERS_CONF: await writeContainersConf(directory),
    CONTAINERS_REGISTRIES_CONF: await writeRegistriesConf(directory, shim, server),
  }
  const places = ['root', 'runroot', 'tmpdir'].flatMap((flag) => [`--${flag}`, join(directory, flag)])
  const inPodman = (...args: string[]) =>
    host.machine.run('podman', [...places, '--storage-driver=overlay', ...args], { env })
  const name = `docker.io/${repository}:${tag}`
  await inPodman('pull', '--quiet', name)
  return {
    digest: await inPodman('image', 'inspect', '--format', '{{.Digest}}', name),
    root: host.path(await inPodman('image', 'mount', name)),
    async [Symbol.asyncDispose]() {
      await inPodman('image', 'unmount', name)
    },
  }
}

/** Keeps podman within the directory: its locks would otherwise stay in shared memory, CNI's in /etc. */
async function writeContainersConf(directory: string): Promise<string> {
  const file = join(directory, 'containers.conf')
  await writeFile(
    file,
    `[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
[network]
network_config_dir = "${join(directory, 'networks')}"
`,
  )
  return file
}
