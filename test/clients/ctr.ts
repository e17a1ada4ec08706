import { join } from 'node:path'
import { Containerd } from '../harness/containerd.ts'
import type { Client, PulledImage, PullRequest } from './client.ts'
import { indexOf } from './image.ts'

/** containerd by its own command, `ctr`. */
export const ctr: Client = {
  name: 'ctr',
  pull,
  digestOf: (image) => indexOf(image).digest,
}

async function pull({ shim, repository, tag, directory, ...where }: PullRequest): Promise<PulledImage> {
  await using resources = new AsyncDisposableStack()
  const containerd = resources.use(await Containerd.start(directory, shim, where))
  const name = `docker.io/${repository}:${tag}`
  const digest = await containerd.ctrPull(name)
  const root = join(directory, 'mounted')
  resources.use(await containerd.mount('default', name, root))
  const held = resources.move()
  return { digest, root, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
