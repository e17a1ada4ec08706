import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Containerd } from '../harness/containerd.ts'
import { type Client, type PulledImage, type PullRequest, thisHost } from './client.ts'
import { callGrpc, decodeString, encodeField } from './grpc.ts'

/** containerd by the CRI, as the kubelet asks for an image. What the CRI calls the image is its configuration. */
export const cri: Client = {
  name: 'containerd by the CRI',
  program: 'containerd',
  pull,
  digestOf: ({ config }) => config.digest,
}

/** Where the CRI plugin keeps what it pulls. */
const criNamespace = 'k8s.io'

async function pull({
  shim,
  server,
  repository,
  tag,
  directory,
  host = thisHost,
}: PullRequest): Promise<PulledImage> {
  await using resources = new AsyncDisposableStack()
  const { machine } = host
  const containerd = resources.use(await Containerd.start(directory, shim, { server, machine }))
  const name = `docker.io/${repository}:${tag}`
  await initialized(containerd.socket)
  const digest = await pullImage(containerd.socket, name)
  const root = join(directory, 'mounted')
  resources.use(await containerd.mount(criNamespace, name, root))
  const held = resources.move()
  return { digest, root: host.path(root), [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/**
 * containerd says that it has booted a moment before its CRI plugin takes calls; until then these fail in several ways. So
 * one is tried that changes nothing: a pull that is tried again would not be the first.
 */
export async function initialized(socket: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await callGrpc(socket, '/runtime.v1.ImageService/ListImages', Buffer.alloc(0))
      return
    } catch (error) {
      if (tries === maxTries) throw error
      await delay(tryAgainMs)
    }
  }
}

const maxTries = 100
const tryAgainMs = 100

/** `runtime.v1.ImageService/PullImage`; returns `image_ref` of the answer. */
export async function pullImage(socket: string, name: string): Promise<string> {
  // PullImageRequest { ImageSpec image = 1 }, ImageSpec { string image = 1 }
  const request = encodeField(1, encodeField(1, Buffer.from(name)))
  const response = await callGrpc(socket, '/runtime.v1.ImageService/PullImage', request)
  // PullImageResponse { string image_ref = 1 }
  return decodeString(response, 1)
}
