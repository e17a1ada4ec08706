import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { type ControlPlane, trustedCertificate } from './control-plane.ts'

const pollMs = 150

/** What happened to a pod on a node, in its order. */
export interface PodEvent {
  readonly what: 'started' | 'gone'
  readonly node: string
  readonly component: string
  readonly image: string
  /** Of pods that run to an end: what they wrote. */
  readonly log?: string
}

interface Pod {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
  // biome-ignore lint/suspicious/noExplicitAny: the whole of a pod
  readonly spec: any
  // biome-ignore lint/suspicious/noExplicitAny: the whole of its status
  readonly status: any
}

/**
 * Nodes as the control plane sees them, without containers: what the kubelet reports is reported, and pods of Jobs run
 * their command here, as their service account. Containers themselves are what test/image runs.
 */
export class HollowNodes implements AsyncDisposable {
  readonly events: PodEvent[] = []
  readonly #plane: ControlPlane
  readonly #dead = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(plane: ControlPlane) {
    this.#plane = plane
    this.#loop = this.#serve()
  }

  async add(name: string): Promise<void> {
    const labels = { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name }
    await this.#call('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
    const resources = { cpu: '4', memory: '8Gi', pods: '110' }
    await this.#call('PATCH', `/api/v1/nodes/${name}/status`, {
      status: {
        capacity: resources,
        allocatable: resources,
        conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
      },
    })
  }

  /** The node answers no more. */
  kill(name: string): void {
    this.#dead.add(name)
  }

  revive(name: string): void {
    this.#dead.delete(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await Promise.allSettled(this.#running.values())
  }

  async #serve(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const { items } = await this.#call('GET', '/api/v1/pods')
      for (const pod of items as Pod[]) await this.#handle(pod)
      await sleep(pollMs)
    }
  }

  async #handle(pod: Pod): Promise<void> {
    const { name, namespace, deletionTimestamp } = pod.metadata
    const node = pod.spec.nodeName
    if (node === undefined || this.#dead.has(node)) return
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    if (deletionTimestamp !== undefined) {
      await this.#call('DELETE', path, { gracePeriodSeconds: 0 })
      this.#note('gone', pod)
    } else if (pod.status.startTime === undefined) {
      await this.#report(path, 'Running', pod.spec.restartPolicy === 'Always')
      if (pod.spec.restartPolicy === 'Always') this.#note('started', pod)
      else this.#running.set(name, this.#run(path, pod))
    }
  }

  async #report(path: string, phase: string, isReady: boolean): Promise<void> {
    const status = isReady ? 'True' : 'False'
    const startTime = new Date().toISOString()
    await this.#call('PATCH', `${path}/status`, {
      status: {
        phase,
        startTime,
        conditions: ['Initialized', 'ContainersReady', 'Ready'].map((type) => ({
          type,
          status: type === 'Initialized' ? 'True' : status,
          lastTransitionTime: startTime,
        })),
      },
    })
  }

  /** Runs the command of a pod's only container, with what Kubernetes hands to it. */
  async #run(path: string, pod: Pod): Promise<void> {
    const { name, namespace } = pod.metadata
    const directory = join(this.#plane.directory, name)
    await mkdir(directory)
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName}`
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const { status } = await this.#call('POST', `${account}/token`, request)
    const files = { token: status.token, namespace, 'ca.crt': await trustedCertificate(this.#plane) }
    for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text)

    const [container] = pod.spec.containers
    for (const { name: volume, configMap } of pod.spec.volumes) {
      if (configMap === undefined) continue
      const { data } = await this.#call('GET', `/api/v1/namespaces/${namespace}/configmaps/${configMap.name}`)
      const mounted = container.volumeMounts.find((mount: { name: string }) => mount.name === volume)
      if (mounted === undefined) continue
      for (const [file, text] of Object.entries<string>(data)) await writeFile(join(directory, file), text)
      container.command = container.command.map((word: string) => word.replace(mounted.mountPath, directory))
    }
    const [, ...args] = container.command
    const { exitCode, all } = await execa(process.execPath, args, {
      reject: false,
      all: true,
      stdin: 'ignore',
      cancelSignal: this.#stop.signal,
      env: {
        SERVICE_ACCOUNT_DIR: directory,
        KUBERNETES_SERVICE_HOST: this.#plane.host,
        KUBERNETES_SERVICE_PORT: String(this.#plane.port),
      },
    })
    this.#note('started', pod, all)
    await this.#report(path, exitCode === 0 ? 'Succeeded' : 'Failed', false)
  }

  #note(what: PodEvent['what'], { metadata, spec }: Pod, log?: string): void {
    this.events.push({
      what,
      node: spec.nodeName,
      component: metadata.labels['app.kubernetes.io/component'] ?? '',
      image: spec.containers[0].image,
      ...(log === undefined ? {} : { log }),
    })
  }

  /** What has gone in between is no fault. */
  // biome-ignore lint/suspicious/noExplicitAny: objects of many kinds
  async #call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<any> {
    const answer = await this.#plane.call(method, path, body)
    if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    }
    return answer.body
  }
}
