import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Containerd } from '../harness/containerd.ts'
import type { Client, PulledImage, PullRequest } from './client.ts'
import { callGrpc, decodeString, encodeField } from './grpc.ts'

/** containerd by the CRI, as the kubelet asks for an image. What the CRI calls the image is its configuration. */
export const cri: Client = {
  name: 'containerd by the CRI',
  pull,
  digestOf: ({ config }) => config.digest,
}

/** Where the CRI plugin keeps what it pulls. */
const criNamespace = 'k8s.io'

async function pull({ shim, repository, tag, directory, ...where }: PullRequest): Promise<PulledImage> {
  await using resources = new AsyncDisposableStack()
  const containerd = resources.use(await Containerd.start(directory, shim, where))
  const name = `docker.io/${repository}:${tag}`
  const digest = await pullImage(containerd.socket, name)
  const root = join(directory, 'mounted')
  resources.use(await containerd.mount(criNamespace, name, root))
  const held = resources.move()
  return { digest, root, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** containerd says that it has booted a moment before its CRI plugin takes calls. */
async function onceInitialized<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (!notYet.test(String(error)) || tries === maxTries) throw error
      await delay(tryAgainMs)
    }
  }
}

const notYet = /not initialized yet|unknown service/
const maxTries = 50
const tryAgainMs = 100

/** `runtime.v1.ImageService/PullImage`; returns `image_ref` of the answer. */
async function pullImage(socket: string, name: string): Promise<string> {
  // PullImageRequest { ImageSpec image = 1 }, ImageSpec { string image = 1 }
  const request = encodeField(1, encodeField(1, Buffer.from(name)))
  const response = await onceInitialized(() =>
    callGrpc(socket, '/runtime.v1.ImageService/PullImage', request),
  )
  // PullImageResponse { string image_ref = 1 }
  return decodeString(response, 1)
}
