import { Client } from 'undici'
import { z } from 'zod'
import { RuntimesError } from './errors.ts'

const timeoutMs = 10_000
const pullTimeoutMs = 90_000

const infoSchema = z.object({
  ServerVersion: z.string(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  RegistryConfig: z.object({ Mirrors: z.array(z.string()).nullish() }).nullish(),
})

export interface DockerInfo {
  readonly version: string
  readonly store: 'containerd' | 'graphdriver'
  /** `registry-mirrors` that count now. */
  readonly mirrors: readonly string[]
}

/** Docker's API at a Unix socket. */
export class DockerClient implements AsyncDisposable {
  readonly #client: Client

  constructor(socketPath: string) {
    this.#client = new Client('http://docker', {
      socketPath,
      headersTimeout: timeoutMs,
      bodyTimeout: pullTimeoutMs,
    })
  }

  async info(): Promise<DockerInfo> {
    const { ServerVersion, DriverStatus, RegistryConfig } = infoSchema.parse(
      JSON.parse(await this.#ask('GET', '/info')),
    )
    const isContainerd = DriverStatus?.some((line) => line.includes('io.containerd.snapshotter.v1')) ?? false
    return {
      version: ServerVersion,
      store: isContainerd ? 'containerd' : 'graphdriver',
      mirrors: RegistryConfig?.Mirrors ?? [],
    }
  }

  /** @throws RuntimesError with what Docker says when it can't */
  async pull(name: string, tag: string): Promise<void> {
    const query = new URLSearchParams({ fromImage: name, tag })
    const lines = (await this.#ask('POST', `/images/create?${query}`, pullTimeoutMs)).split('\n')
    const failed = lines.find((line) => line.includes('"error"'))
    if (failed !== undefined)
      throw new RuntimesError('host', `docker could not pull ${name}: ${failed.slice(0, 300)}`)
  }

  async remove(name: string, tag: string): Promise<void> {
    await this.#ask('DELETE', `/images/${name}:${tag}`)
  }

  async #ask(method: 'GET' | 'POST' | 'DELETE', path: string, afterMs = timeoutMs): Promise<string> {
    const signal = AbortSignal.timeout(afterMs)
    const { statusCode, body } = await this.#client.request({ method, path, signal, headersTimeout: afterMs })
    const text = await body.text()
    if (statusCode < 400) return text
    throw new RuntimesError(
      'host',
      `docker answered ${method} ${path} with ${statusCode}: ${text.slice(0, 300)}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy()
  }
}
