import { glob, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Sandbox } from '../harness/sandbox.ts'
import { crio as runtime } from '../install/runtimes.ts'
import type { Client, PulledImage, PullRequest } from './client.ts'
import { initialized, pullImage } from './cri.ts'
import { registriesConf } from './registries-conf.ts'

const socket = '/run/crio/crio.sock'
/** Where it unpacks layers, each over a copy of the one below. */
const layers = '/var/lib/containers/storage/vfs/dir'

/**
 * CRI-O by the CRI, on a host of its own.
 *
 * @param file - the program, which no Debian has
 */
export function crio(file: string): Client {
  return {
    name: 'CRI-O',
    program: file,
    pull: (request) => pull(file, request),
    digestOf: ({ config }) => config.digest,
  }
}

async function pull(file: string, { shim, server, repository, tag }: PullRequest): Promise<PulledImage> {
  await using resources = new AsyncDisposableStack()
  const host = resources.use(await Sandbox.start())
  const mirrors = host.path('/etc/containers/registries.conf.d/000-shim.conf')
  await mkdir(dirname(mirrors), { recursive: true })
  await writeFile(mirrors, registriesConf(shim, server))
  await runtime.start(host, file)
  await initialized(host.path(socket))
  const digest = await pullImage(host.path(socket), `docker.io/${repository}:${tag}`)
  let root = ''
  for await (const found of glob('*/file-4', { cwd: host.path(layers) }))
    root = host.path(`${layers}/${dirname(found)}`)
  const held = resources.move()
  return { digest, root, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
