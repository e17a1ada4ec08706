import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { Daemon } from '../harness/daemon.ts'
import { run } from '../harness/run.ts'
import { type DebianImage, indexOf } from './image.ts'

/** One line of the registry's access log. */
export interface Access {
  readonly method: string
  readonly path: string
  readonly status: number
  /** Bytes of the response's body. */
  readonly bytes: number
}

const logTimeoutMs = 10_000

/** Debian's docker-registry: the upstream that images come from. */
export class DockerRegistry implements AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly host: string
  readonly #daemon: Daemon
  readonly #log: AccessLog

  private constructor(host: string, daemon: Daemon, log: AccessLog) {
    this.host = host
    this.#daemon = daemon
    this.#log = log
  }

  /** `directory` takes its configuration and what is pushed to it. */
  static async start(directory: string): Promise<DockerRegistry> {
    const file = join(directory, 'config.yml')
    await writeFile(file, configuration(join(directory, 'storage')))
    const log = new AccessLog()
    const daemon = await Daemon.start({
      name: 'docker-registry',
      file: 'docker-registry',
      args: ['serve', file],
      ready: (line) => listening.test(line),
      onLine: (line) => log.add(line),
    })
    const host = listening.exec(daemon.readyLine)?.[1]
    if (host === undefined) throw new Error(`docker-registry named no address: ${daemon.readyLine}`)
    return new DockerRegistry(host, daemon, log)
  }

  /** Pushes the image by its digest, and under the tag an index that names it. */
  async push(repository: string, image: DebianImage): Promise<void> {
    const source = `oci:${image.layout}:${image.tag}`
    const target = `docker://${this.host}/${repository}@${image.manifest.digest}`
    await run('skopeo', ['copy', '--preserve-digests', '--dest-tls-verify=false', source, target])
    const response = await request(`http://${this.host}/v2/${repository}/manifests/${image.tag}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
      body: indexOf(image).body,
    })
    const answer = await response.body.text()
    if (response.statusCode !== 201) throw new Error(`docker-registry refused the index: ${answer}`)
  }

  /** What it has served so far, in order. */
  async accesses(): Promise<readonly Access[]> {
    // The log comes through a pipe: a request of our own, seen in it, tells that all before it were seen.
    const marker = `/v2/?marker=${randomUUID()}`
    const response = await request(`http://${this.host}${marker}`)
    await response.body.dump()
    await this.#log.seen(marker)
    return this.#log.accesses.filter(({ path }) => !path.startsWith('/v2/?marker='))
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

const listening = /listening on (127\.0\.0\.1:\d+)/

function configuration(storage: string): string {
  return JSON.stringify({
    version: '0.1',
    log: { accesslog: { disabled: true }, level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: storage } },
    http: { addr: '127.0.0.1:0' },
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
