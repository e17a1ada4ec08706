import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Daemon } from './daemon.ts'
import { type Machine, thisMachine } from './machine.ts'

export interface ContainerdInit {
  /** The registry that is asked when the shim does not answer. @default Docker Hub */
  readonly server?: string | undefined
  /** @default this one */
  readonly machine?: Machine | undefined
  /**
   * Has the transfer service of containerd 2.1 and later fetch a layer by several connections at a time, in parts of so
   * many bytes. @default one connection
   */
  readonly layerFetchBuffer?: number | undefined
}

/** A containerd of our own, with the CRI plugin. */
export class Containerd implements AsyncDisposable {
  readonly socket: string
  /** Its content store. */
  readonly content: string
  readonly #daemon: Daemon
  readonly #hostsDirectory: string
  readonly #machine: Machine

  private constructor(directory: string, daemon: Daemon, machine: Machine) {
    const { socket, hostsDirectory, root } = pathsIn(directory)
    this.socket = socket
    this.content = join(root, 'io.containerd.content.v1.content')
    this.#hostsDirectory = hostsDirectory
    this.#daemon = daemon
    this.#machine = machine
  }

  /**
   * `directory` takes its configuration, socket and content; docker.io's images come through the shim, or from whatever
   * answers there as a registry.
   */
  static async start(
    directory: string,
    shim: string,
    { server = 'https://registry-1.docker.io', machine = thisMachine, layerFetchBuffer }: ContainerdInit = {},
  ): Promise<Containerd> {
    const { hostsDirectory } = pathsIn(directory)
    await writeHostsToml(join(hostsDirectory, 'docker.io'), { server, shim })
    const file = join(directory, 'config.toml')
    await writeFile(file, configuration(directory) + multipart(layerFetchBuffer))
    const daemon = await machine.start({
      name: 'containerd',
      file: 'containerd',
      args: ['--config', file],
      ready: (line) => line.includes('containerd successfully booted'),
    })
    return new Containerd(directory, daemon, machine)
  }

  /** The command by which `ctr` pulls an image through the shim, which it knows by `--hosts-dir`, and unpacks it. */
  pullCommand(name: string): { file: string; args: string[] } {
    const address = ['--address', this.socket, '--namespace', 'default']
    return { file: 'ctr', args: [...address, 'images', 'pull', '--hosts-dir', this.#hostsDirectory, name] }
  }

  /** The command by which `ctr` takes an OCI layout as an archive on standard input, and unpacks it. */
  importCommand(): { file: string; args: string[] } {
    return {
      file: 'ctr',
      args: ['--address', this.socket, '--namespace', 'default', 'images', 'import', '-'],
    }
  }

  /** Pulls with `ctr` and returns the digest that it lists for the image. */
  async ctrPull(name: string): Promise<string> {
    const { file, args } = this.pullCommand(name)
    await this.#machine.run(file, args)
    return await this.#digestOf(name)
  }

  /** The same without unpacking. */
  async ctrFetch(name: string): Promise<string> {
    const address = ['--address', this.socket, '--namespace', 'default']
    const hosts = ['--hosts-dir', this.#hostsDirectory]
    await this.#machine.run('ctr', [...address, 'content', 'fetch', ...hosts, name])
    return await this.#digestOf(name)
  }

  /** Removes an image, and waits until containerd has collected the content that no other needs. */
  async remove(name: string): Promise<void> {
    await this.#images('default', 'rm', '--sync', name)
  }

  /** Mounts an image's root file system read-only, until it is disposed of. */
  async mount(namespace: string, name: string, target: string): Promise<AsyncDisposable> {
    await mkdir(target)
    await this.#images(namespace, 'mount', name, target)
    return {
      [Symbol.asyncDispose]: async () => {
        await this.#images(namespace, 'unmount', '--rm', target)
      },
    }
  }

  async #digestOf(name: string): Promise<string> {
    const listed = await this.#images('default', 'list', `name==${name}`)
    return /sha256:[0-9a-f]{64}/.exec(listed)?.[0] ?? 'none'
  }

  async #images(namespace: string, ...args: string[]): Promise<string> {
    return await this.#machine.run('ctr', [
      '--address',
      this.socket,
      '--namespace',
      namespace,
      'images',
      ...args,
    ])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
  }
}

interface Hosts {
  readonly server: string
  readonly shim: string
}

async function writeHostsToml(directory: string, { server, shim }: Hosts): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeFile(
    join(directory, 'hosts.toml'),
    `server = "${server}"
[host."http://${shim}"]
  capabilities = ["pull", "resolve"]
`,
  )
}

function pathsIn(directory: string) {
  return {
    root: join(directory, 'root'),
    socket: join(directory, 'c.sock'),
    hostsDirectory: join(directory, 'certs.d'),
  }
}

function configuration(directory: string): string {
  const { root, socket, hostsDirectory } = pathsIn(directory)
  return `version = 2
root = "${root}"
state = "${join(directory, 'state')}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${join(directory, 'opt')}"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "${join(directory, 'cni')}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${hostsDirectory}"
`
}

function multipart(layerFetchBuffer: number | undefined): string {
  if (layerFetchBuffer === undefined) return ''
  return `[plugins."io.containerd.transfer.v1.local"]
  max_concurrent_downloads = 4
  concurrent_layer_fetch_buffer = ${layerFetchBuffer}
`
}
