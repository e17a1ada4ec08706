import { join } from 'node:path'
import { Containerd } from '../harness/containerd.ts'
import { type Client, type PulledImage, type PullRequest, thisHost } from './client.ts'
import { indexOf } from './image.ts'

/** containerd by its own command, `ctr`. */
export const ctr: Client = {
  name: 'ctr',
  program: 'containerd',
  pull,
  digestOf: (image) => indexOf(image).digest,
}

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
  const digest = await containerd.ctrPull(name)
  const root = join(directory, 'mounted')
  resources.use(await containerd.mount('default', name, root))
  const held = resources.move()
  return { digest, root: host.path(root), [Symbol.asyncDispose]: () => held.disposeAsync() }
}
