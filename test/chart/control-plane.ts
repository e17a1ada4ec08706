import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { Daemon } from '../harness/daemon.ts'
import { type GoTool, goTool } from '../harness/go-tool.ts'

const tools = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const
type Tool = (typeof tools)[number]

const pollMs = 200
const readyTimeoutMs = 120_000

/** What makes a control plane, or why this machine can't have one. */
export async function controlPlaneTools(): Promise<Record<Tool, string> | { readonly unavailable: string }> {
  const files: Partial<Record<GoTool, string>> = {}
  for (const name of tools) {
    const tool = await goTool(name)
    if ('unavailable' in tool) return tool
    files[name] = tool.file
  }
  return files as Record<Tool, string>
}

export interface ApiAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: objects of many kinds
  readonly body: any
}

/** A real API server with its controllers and scheduler, on loopback. No kubelet: see hollow-nodes.ts. */
export class ControlPlane implements AsyncDisposable {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly directory: string
  /** For helm. */
  readonly kubeconfig: string
  readonly caFile: string
  readonly #token: string
  readonly #agent = new Agent({ connect: { rejectUnauthorized: false } })
  readonly #started = new AsyncDisposableStack()

  private constructor(directory: string, port: number, token: string) {
    this.directory = directory
    this.port = port
    this.#token = token
    this.kubeconfig = join(directory, 'kubeconfig')
    this.caFile = join(directory, 'certs/apiserver.crt')
  }

  static async start(files: Record<Tool, string>): Promise<ControlPlane> {
    const directory = await mkdtemp(join(tmpdir(), 'shoal-cluster-'))
    const token = randomBytes(16).toString('hex')
    const plane = new ControlPlane(directory, await freePort(), token)
    plane.#started.defer(() => rm(directory, { recursive: true, force: true }))
    plane.#started.defer(() => plane.#agent.close())
    try {
      await plane.#start(files, token)
      return plane
    } catch (error) {
      await plane[Symbol.asyncDispose]()
      throw error
    }
  }

  /** @param token - another one than the administrator's */
  async call(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    token = this.#token,
  ): Promise<ApiAnswer> {
    const answer = await request(`https://${this.host}:${this.port}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, body: text.startsWith('{') ? JSON.parse(text) : text }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.disposeAsync()
  }

  async #start(files: Record<Tool, string>, token: string): Promise<void> {
    const at = (name: string) => join(this.directory, name)
    const keys = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    await writeFile(at('accounts.key'), keys.privateKey)
    await writeFile(at('accounts.pub'), keys.publicKey)
    await writeFile(at('tokens.csv'), `${token},administrator,1,system:masters\n`)
    await writeFile(this.kubeconfig, JSON.stringify(kubeconfig(`https://${this.host}:${this.port}`, token)))

    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
    await this.#daemon(files.etcd, 'etcd', [
      ...['--data-dir', at('etcd'), '--listen-client-urls', client, '--advertise-client-urls', client],
      ...[
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `default=${peer}`,
      ],
      // It goes when the test ends.
      '--unsafe-no-fsync',
    ])
    await this.#daemon(files['kube-apiserver'], 'kube-apiserver', [
      ...[`--etcd-servers=${client}`, `--secure-port=${this.port}`, `--bind-address=${this.host}`],
      ...[`--cert-dir=${at('certs')}`, '--authorization-mode=RBAC', `--token-auth-file=${at('tokens.csv')}`],
      ...[
        '--service-account-issuer=https://kubernetes.default.svc',
        '--service-cluster-ip-range=10.0.0.0/24',
      ],
      ...[
        `--service-account-key-file=${at('accounts.pub')}`,
        `--service-account-signing-key-file=${at('accounts.key')}`,
      ],
      '--endpoint-reconciler-type=none',
    ])
    await this.#until(async () => (await this.call('GET', '/readyz')).status === 200)
    const common = [
      `--kubeconfig=${this.kubeconfig}`,
      '--leader-elect=false',
      `--cert-dir=${at('certs-of-clients')}`,
    ]
    await this.#daemon(files['kube-controller-manager'], 'kube-controller-manager', [
      ...[...common, `--secure-port=${await freePort()}`, '--bind-address=127.0.0.1'],
      ...[`--service-account-private-key-file=${at('accounts.key')}`, `--root-ca-file=${this.caFile}`],
      // No kubelet sends heartbeats here.
      '--controllers=*,-node-lifecycle-controller',
    ])
    await this.#daemon(files['kube-scheduler'], 'kube-scheduler', [
      ...[...common, `--secure-port=${await freePort()}`, '--bind-address=127.0.0.1'],
    ])
    const account = '/api/v1/namespaces/default/serviceaccounts/default'
    await this.#until(async () => (await this.call('GET', account)).status === 200)
  }

  async #daemon(file: string, name: string, args: readonly string[]): Promise<void> {
    this.#started.use(await Daemon.start({ name, file, args, ready: () => true }))
  }

  async #until(check: () => Promise<boolean>): Promise<void> {
    const deadline = AbortSignal.timeout(readyTimeoutMs)
    // Refused connections are what it waits for to end.
    while (!(await check().catch(() => false))) await sleep(pollMs, undefined, { signal: deadline })
  }
}

function kubeconfig(server: string, token: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'administrator', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'administrator' } }],
    'current-context': 'test',
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  await closed.promise
  return port
}

/** The text of the certificate that pods trust. */
export async function trustedCertificate(plane: ControlPlane): Promise<string> {
  return await readFile(plane.caFile, 'utf8')
}
