import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { digestToCid, parseDigest } from '../../packages/content/dist/index.js'
import { parseClusterSecret } from '../../packages/swarm/dist/host/cluster-secret.js'
import { createSwarmHost } from '../../packages/swarm/dist/host/swarm-host.js'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { Containerd } from '../harness/containerd.ts'
import { type Access, DockerRegistry } from '../harness/docker-registry.ts'
import { installPackages } from '../harness/install.ts'
import { run } from '../harness/run.ts'
import { Workspace } from '../harness/workspace.ts'
import { debianImage, indexOf } from './image.ts'
import { clientPackages } from './lab.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))
const repository = 'library/shoal-content-test'
/** Building the image takes most of it, the first time. */
const timeoutMs = 1_200_000
const eventTimeoutMs = 30_000
const lookAgainMs = 50

test('what a containerd pulled from the registry itself is shared from where it lies, until containerd removes it', async (t) => {
  t.timeout(timeoutMs)
  await installPackages(clientPackages, 'npm run test:clients')
  const image = await debianImage()
  const name = `docker.io/${repository}:${image.tag}`
  const blobs = [image.config, ...image.layers]
  const digests = blobs.map(({ digest }) => digest)
  const blobBytes = blobs.reduce((sum, { size }) => sum + size, 0)

  await using stack = new AsyncDisposableStack()
  const workspace = stack.use(await Workspace.create('content'))
  const registryDirectory = await workspace.directory('registry')
  const registry = stack.use(await DockerRegistry.start({ directory: registryDirectory }))
  await registry.push(repository, image)
  await registry.pushIndex(repository, image.tag, indexOf(image).body)
  const theirs = stack.use(await Containerd.start(await workspace.directory('theirs'), registry.host))
  await theirs.ctrFetch(name)
  // The registry notes what it has sent after the client has it.
  await until(async () => blobsSent(await registry.accesses()).length >= digests.length)
  const before = (await registry.accesses()).length

  const secretFile = await newSecretFile(workspace.path)
  const startNode = async (name: string, bootstrap: readonly string[], flags: readonly string[] = []) => {
    const directory = join(workspace.path, name)
    const upstreams = [`docker.io=http://${registry.host}`]
    return stack.use(await SwarmNode.start({ name, directory, secretFile, bootstrap, upstreams, flags }))
  }
  const holder = await startNode('holder', [], ['--containerd-content', theirs.content])
  const other = await startNode('other', holder.addresses)
  await other.joined()
  const { peer } = await holder.status()
  await until(async () => (await announced({ secretFile, by: peer, at: other, digests })) === digests.length)

  const ours = stack.use(await Containerd.start(await workspace.directory('ours'), other.shim))
  t.is(await ours.ctrFetch(name), indexOf(image).digest)
  const proofs = blobsSent((await registry.accesses()).slice(before))
  // By way of which registry it came nobody knows: that proves for each blob that it has it, with 64 KiB of it.
  const isProof = proofs.length <= digests.length && proofs.every(({ bytes }) => bytes <= 65_536)
  t.true(isProof, JSON.stringify(proofs))
  const { fromPeers, fromUpstream } = await other.transfers()
  t.true(fromPeers >= blobBytes, `${fromPeers} bytes from peers, of ${blobBytes}`)
  t.is(fromUpstream, 0)
  t.deepEqual(await readdir(join(holder.directory, 'blobs', 'sha256')), [])
  t.true((await heldBytes(holder)) >= blobBytes)

  await theirs.remove(name)
  t.deepEqual(await readdir(join(theirs.content, 'blobs', 'sha256')), [])
  await until(async () => (await heldBytes(holder)) === 0)
  await until(async () => (await announced({ secretFile, by: peer, at: other, digests })) === 0)
})

function blobsSent(accesses: readonly Access[]): Access[] {
  return accesses.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'))
}

interface Announcements {
  readonly secretFile: string
  /** A peer id. */
  readonly by: string
  /** A node through which the swarm is asked. */
  readonly at: SwarmNode
  readonly digests: readonly string[]
}

/** How many of the blobs the swarm says that a peer has, to somebody who never asked before. */
async function announced({ secretFile, by, at, digests }: Announcements): Promise<number> {
  const host = await createSwarmHost({
    listen: ['/ip4/127.0.0.1/tcp/0'],
    clusterSecret: parseClusterSecret(await readFile(secretFile, 'utf8')),
    bootstrap: [...at.addresses],
  })
  try {
    await until(async () => host.connectedPeers().length > 0)
    const providers = digests.map((digest) =>
      Array.fromAsync(host.discovery.find(digestToCid(parseDigest(digest)), { limit: 10 })),
    )
    return (await Promise.all(providers)).filter((peers) => peers.includes(by)).length
  } finally {
    await host.stop()
  }
}

/** Bytes that `shoal cache ls` says are there of the node's images. */
async function heldBytes(node: SwarmNode): Promise<number> {
  const output = await run(process.execPath, [cli, 'cache', 'ls', '--json', '--data-dir', node.directory])
  const { images } = JSON.parse(output) as { images: { held: number }[] }
  return images.reduce((sum, { held }) => sum + held, 0)
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(eventTimeoutMs)
  while (!(await isSo())) await delay(lookAgainMs, undefined, { signal })
}
