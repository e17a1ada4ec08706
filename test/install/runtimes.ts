import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { callGrpc, encodeField } from '../clients/grpc.ts'
import type { GoTool } from '../harness/go-tool.ts'
import type { Sandbox } from '../harness/sandbox.ts'

/** A runtime of a host, as its distribution ships it. */
export interface HostRuntime {
  readonly name: string
  /** As `--runtime` names it. */
  readonly family: 'containerd' | 'docker' | 'podman'
  /** The process that must be the same before and after; undefined where there is none. */
  readonly process: string | undefined
  /** What it is built from where no distribution has it yet: a file of this machine, given to the functions below. */
  readonly tool?: GoTool
  version(host: Sandbox, program?: string): Promise<string>
  /** Writes what an admin would have, and starts it. */
  start(host: Sandbox, program?: string): Promise<void>
  /** What `shoal install` needs to be told for it. */
  readonly installArgs?: readonly string[]
  /** Whether anything of the install is left in the running daemon. */
  readonly isReleased?: (host: Sandbox) => Promise<boolean>
  /** Pulls from docker.io. */
  pull(host: Sandbox, name: string): Promise<void>
}

const containerdSocket = '/run/containerd/containerd.sock'

async function write(host: Sandbox, path: string, text: string): Promise<void> {
  await mkdir(dirname(host.path(path)), { recursive: true })
  await writeFile(host.path(path), text)
}

async function startContainerd(host: Sandbox, program = 'containerd'): Promise<void> {
  const ready = (line: string) => line.includes('containerd successfully booted')
  await host.daemon(program, ['--config', '/etc/containerd/config.toml'], ready)
}

function configuration(major: number, configPath: string): string {
  const plugin = major >= 2 ? 'io.containerd.cri.v1.images' : 'io.containerd.grpc.v1.cri'
  return `version = ${major >= 2 ? 3 : 2}
# The mirrors of the house are in certs.d.
[plugins."${plugin}".registry]
  config_path = "${configPath}"
`
}

interface ContainerdVariant {
  readonly name: string
  readonly configPath: string
  readonly installArgs?: readonly string[]
}

function containerdWith({ name, configPath, installArgs = [] }: ContainerdVariant): HostRuntime {
  return {
    name,
    family: 'containerd',
    process: 'containerd',
    installArgs,
    version: async (host) => /\d+\.\d+\.\d+/.exec(await host.run('containerd', ['--version']))?.[0] ?? '',
    async start(host) {
      const major = Number.parseInt(await this.version(host), 10)
      await write(host, '/etc/containerd/config.toml', configuration(major, configPath))
      const quay = 'server = "https://quay.io"\n\n# our mirror\n[host."https://mirror.invalid"]\n'
      await write(host, '/etc/containerd/certs.d/quay.io/hosts.toml', quay)
      await startContainerd(host)
    },
    pull: (host, name) => pullByCri(host, containerdSocket, name),
  }
}

async function pullByCri(host: Sandbox, socket: string, name: string): Promise<void> {
  const image = encodeField(1, encodeField(1, Buffer.from(`docker.io/${name}`)))
  await callGrpc(host.path(socket), '/runtime.v1.ImageService/PullImage', image)
}

/** A containerd that takes a list for config_path by itself, with the configuration that it writes for its admin. */
export const containerdByDefault: HostRuntime = {
  name: 'containerd, `containerd config default`',
  family: 'containerd',
  process: 'containerd',
  tool: 'containerd',
  version: async (host, program = '') =>
    /\d+\.\d+\.\d+/.exec(await host.run(program, ['--version']))?.[0] ?? '',
  async start(host, program = '') {
    await write(host, '/etc/containerd/config.toml', await host.run(program, ['config', 'default']))
    const quay = 'server = "https://quay.io"\n\n# our mirror\n[host."https://mirror.invalid"]\n'
    await write(host, '/etc/containerd/certs.d/quay.io/hosts.toml', quay)
    await startContainerd(host, program)
  },
  pull: (host, name) => pullByCri(host, containerdSocket, name),
}

export const containerd = containerdWith({ name: 'containerd', configPath: '/etc/containerd/certs.d' })

export const containerdWithList = containerdWith({
  name: 'containerd, a list in config_path',
  configPath: '/etc/containerd/certs.d:/etc/docker/certs.d',
})

/** Runs in a process namespace that has no other containerd. */
const restart = `kill "$(pgrep -o -x containerd)"
while pgrep -x containerd >/dev/null; do sleep 0.1; done
setsid containerd --config /etc/containerd/config.toml >/dev/null 2>&1 </dev/null &`

export const containerdUnset = containerdWith({
  name: 'containerd without config_path, --allow-restart',
  configPath: '',
  installArgs: ['--allow-restart', '--restart-command', restart],
})

function dockerWith(store: 'graphdriver' | 'containerd'): HostRuntime {
  return {
    name: store === 'graphdriver' ? 'Docker, graph driver' : 'Docker, containerd store',
    family: 'docker',
    process: 'dockerd',
    version: async (host) => /\d+\.\d+\.\d+/.exec(await host.run('dockerd', ['--version']))?.[0] ?? '',
    async start(host) {
      await write(
        host,
        '/etc/containerd/config.toml',
        'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n',
      )
      await startContainerd(host)
      const features =
        store === 'containerd'
          ? '"features": { "containerd-snapshotter": true }'
          : '"storage-driver": "overlay2"'
      const network = '"bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false'
      await write(host, '/etc/docker/daemon.json', `{\n\t"debug": false,\n\t${features},\n\t${network}\n}\n`)
      // Only a machine with systemd has the socket unit that Debian starts it with.
      const args = ['--host', 'unix:///run/docker.sock', '--containerd', containerdSocket]
      await host.daemon('dockerd', args, (line) => line.includes('API listen on'))
    },
    async isReleased(host) {
      return /^(?:null|\[\])$/.test(
        await dockerCommand(host, 'info', '--format', '{{ json .RegistryConfig.Mirrors }}'),
      )
    },
    async pull(host, name) {
      await dockerCommand(host, 'pull', '--quiet', name)
    },
  }
}

/** This machine's client: later releases have it in a package of its own. */
async function dockerCommand(host: Sandbox, ...args: string[]): Promise<string> {
  const socket = `unix://${join(host.root, '/run/docker.sock')}`
  return await host.runBeside('/usr/bin/docker', [
    '--config',
    '/run/docker-client',
    '--host',
    socket,
    ...args,
  ])
}

export const docker = dockerWith('graphdriver')
export const dockerWithContainerd = dockerWith('containerd')

const crioSocket = '/run/crio/crio.sock'

/** It runs no pods here, so that what it needs for them is left out. */
const crioConfiguration = `[crio]
storage_driver = "vfs"
clean_shutdown_file = "/run/crio/clean.shutdown"
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
default_runtime = "runc"
pinns_path = "/bin/true"
[crio.runtime.runtimes.runc]
runtime_path = "/usr/sbin/runc"
monitor_path = "/usr/bin/conmon"
[crio.network]
plugin_dirs = ["/usr/lib/cni"]
[crio.nri]
enable_nri = false
`

export const crio: HostRuntime = {
  name: 'CRI-O',
  family: 'podman',
  process: 'crio',
  tool: 'crio',
  version: async (host, program = '') =>
    /\d+\.\d+\.\d+/.exec(await host.run(program, ['--version']))?.[0] ?? '',
  async start(host, program = '') {
    await write(host, '/etc/crio/crio.conf', crioConfiguration)
    await writeHouseTable(host)
    await host.daemon(program, [], (line) => line.includes('SIGHUP reload watcher'))
  },
  pull: (host, name) => pullByCri(host, crioSocket, name),
}

async function writeHouseTable(host: Sandbox): Promise<void> {
  const table = '[[registry]]\nlocation = "quay.io"\n[[registry.mirror]]\nlocation = "mirror.invalid"\n'
  await write(host, '/etc/containers/registries.conf.d/50-house.conf', table)
}

const podmanPlaces = [
  '--root',
  '/run/podman-root',
  '--runroot',
  '/run/podman-runroot',
  '--storage-driver',
  'vfs',
]

export const podman: HostRuntime = {
  name: 'Podman',
  family: 'podman',
  process: undefined,
  version: async (host) => /\d+\.\d+\.\d+/.exec(await host.run('podman', ['--version']))?.[0] ?? '',
  async start(host) {
    await writeHouseTable(host)
    // Podman 4 makes /etc/cni/net.d/cni.lock when it is used for the first time, and keeps it.
    await host.run('podman', [...podmanPlaces, 'info'])
  },
  async pull(host, name) {
    await host.run('podman', [...podmanPlaces, 'pull', '--quiet', `docker.io/${name}`])
  },
}
