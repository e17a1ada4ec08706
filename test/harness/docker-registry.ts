import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Daemon } from './daemon.ts'
import { type Machine, thisMachine } from './machine.ts'

/** One line of the registry's access log. */
export interface Access {
  readonly method: string
  readonly path: string
  readonly status: number
  /** Bytes of the response's body. */
  readonly bytes: number
}

const logTimeoutMs = 10_000

/** An image in an OCI layout, and the manifest of one platform. */
export interface LayoutImage {
  readonly layout: string
  readonly tag: string
  readonly manifest: { readonly digest: string }
}

export interface DockerRegistryInit {
  /** Takes its configuration. */
  readonly directory: string
  /** Takes what is pushed to it. @default `storage` in the directory */
  readonly storage?: string
  /** @default 127.0.0.1 and a free port */
  readonly listen?: string
  /** URL of the registry that it is a pull-through cache of. */
  readonly proxyOf?: string
  /** @default this one */
  readonly machine?: Machine
}

/** Debian's docker-registry: the upstream that images come from. */
export class DockerRegistry implements AsyncDisposable {
  /** `<address>:<port>` */
  readonly host: string
  readonly #daemon: Daemon
  readonly #storage: string
  readonly #log: AccessLog
  readonly #machine: Machine

  private constructor(host: string, { daemon, storage, log, machine }: Running) {
    this.host = host
    this.#storage = storage
    this.#daemon = daemon
    this.#log = log
    this.#machine = machine
  }

  static async start(init: DockerRegistryInit): Promise<DockerRegistry> {
    const { directory, storage = join(directory, 'storage'), machine = thisMachine } = init
    const file = join(directory, 'config.yml')
    await writeFile(file, configuration({ ...init, storage }))
    const log = new AccessLog()
    const daemon = await machine.start({
      name: 'docker-registry',
      file: 'docker-registry',
      args: ['serve', file],
      ready: (line) => listening.test(line),
      onLine: (line) => log.add(line),
    })
    const host = listening.exec(daemon.readyLine)?.[1]
    if (host === undefined) throw new Error(`docker-registry named no address: ${daemon.readyLine}`)
    return new DockerRegistry(host, { daemon, storage, log, machine })
  }

  /** Pushes an image by the digest of its manifest. */
  async push(repository: string, { layout, tag, manifest }: LayoutImage): Promise<void> {
    const target = `docker://${this.host}/${repository}@${manifest.digest}`
    await this.#machine.run('skopeo', [
      ...['copy', '--preserve-digests', '--dest-tls-verify=false'],
      ...[`oci:${layout}:${tag}`, target],
    ])
  }

  /** Pushes an index that names images which are there already. */
  async pushIndex(repository: string, tag: string, body: string): Promise<void> {
    await this.#curl(`/v2/${repository}/manifests/${tag}`, [
      ...['--request', 'PUT', '--data-binary', body],
      ...['--header', 'content-type: application/vnd.oci.image.index.v1+json'],
    ])
  }

  /**
   * Makes sure that it still serves a manifest.
   *
   * @throws when it does not; the message says whether it runs, and whether its files are there
   */
  async check(repository: string, tag: string): Promise<void> {
    try {
      await this.#curl(`/v2/${repository}/manifests/${tag}`, [
        ...['--head', '--header', 'accept: application/vnd.oci.image.index.v1+json'],
      ])
    } catch (cause) {
      const link = join(this.#storage, 'docker/registry/v2/repositories', repository, '_manifests/tags', tag)
      const isThere = await stat(link).then(
        () => 'there',
        (error: NodeJS.ErrnoException) => `not there (${error.code})`,
      )
      const state = this.#daemon.hasEnded ? 'has ended' : 'runs'
      const what = `docker-registry at ${this.host} does not serve ${repository}:${tag}; it ${state}, and ${link} is ${isThere}`
      throw new Error(`${what}; the end of its log:\n${this.#daemon.log}`, { cause })
    }
  }

  /** What it has served so far, in order. */
  async accesses(): Promise<readonly Access[]> {
    // The log comes through a pipe: a request of our own, seen in it, tells that all before it were seen.
    const marker = `/v2/?marker=${randomUUID()}`
    await this.#curl(marker)
    await this.#log.seen(marker)
    return this.#log.accesses.filter(({ path }) => !path.startsWith('/v2/?marker='))
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  async #curl(path: string, args: readonly string[] = []): Promise<void> {
    await this.#machine.run('curl', [
      '--fail',
      '--silent',
      '--show-error',
      ...args,
      `http://${this.host}${path}`,
    ])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

interface Running {
  readonly daemon: Daemon
  readonly storage: string
  readonly log: AccessLog
  readonly machine: Machine
}

const listening = /listening on ([\d.]+:\d+)/

function configuration({
  storage,
  listen = '127.0.0.1:0',
  proxyOf,
}: DockerRegistryInit & { readonly storage: string }): string {
  return JSON.stringify({
    version: '0.1',
    log: { accesslog: { disabled: true }, level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: storage } },
    http: { addr: listen },
    ...(proxyOf !== undefined && { proxy: { remoteurl: proxyOf } }),
  })
}

class AccessLog {
  readonly accesses: Access[] = []
  readonly #added = new EventEmitter()

  add(line: string): void {
    if (!line.includes('"response completed')) return
    const entry = JSON.parse(line) as Record<string, string | number>
    const access: Access = {
      method: String(entry['http.request.method']),
      path: String(entry['http.request.uri']),
      status: Number(entry['http.response.status']),
      bytes: Number(entry['http.response.written']),
    }
    this.accesses.push(access)
    this.#added.emit('access')
  }

  async seen(path: string): Promise<void> {
    const signal = AbortSignal.timeout(logTimeoutMs)
    while (!this.accesses.some((access) => access.path === path))
      await once(this.#added, 'access', { signal })
  }
}
