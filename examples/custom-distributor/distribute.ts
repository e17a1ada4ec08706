/**
 * Shoal as a library: no registry, no container runtime. Three nodes in one process all want one file; the origin is a
 * file on disk, but could be anything that answers ranges. The origin sends about one copy, the nodes share the rest.
 *
 *     node examples/custom-distributor/distribute.ts <file>
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openCache } from '@shoal/cache'
import { type Digest, digestFromHash } from '@shoal/content'
import { createSwarm, generateClusterSecret } from '@shoal/swarm'
import { FileOrigin } from './file-origin.ts'

const file = process.argv[2] ?? process.execPath
const digest = await digestOf(file)
const { size } = await stat(file)
const origin = new FileOrigin(file, { digest, size, mediaType: 'application/octet-stream' })

const clusterSecret = generateClusterSecret()
const first = await startNode('node 1', [])
const nodes = [first, await startNode('node 2', first.addresses), await startNode('node 3', first.addresses)]

await Promise.all(nodes.map((node) => node.fetch()))
for (const { name, received } of nodes) {
  console.log(`${name}: ${received.upstream} bytes from the origin, ${received.peer} from peers`)
}
console.log(`the origin sent ${(origin.bytesSent / size).toFixed(2)} copies of ${size} bytes`)
for (const node of nodes) await node.stop()

async function startNode(name: string, bootstrap: string[]) {
  const dataDir = await mkdtemp(join(tmpdir(), 'shoal-example-'))
  const cache = await openCache({ dataDir })
  const received = { upstream: 0, peer: 0, cache: 0 }
  const swarm = await createSwarm(
    {
      blobs: cache.blobs,
      metadata: cache.metadata,
      origin,
      onEvent: (event) => {
        if (event.type === 'received') received[event.source] += event.bytes
      },
    },
    { listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap, clusterSecret, dataDir },
  )
  return {
    name,
    received,
    addresses: swarm.addresses(),
    /** Reads the file through the swarm and checks what came. */
    async fetch() {
      const repository = { registry: 'files.example', name: 'any/file' }
      await using content = await swarm.content.open({ repository, kind: 'blob', digest })
      const sha256 = createHash('sha256')
      for await (const bytes of content.read()) sha256.update(bytes)
      if (digestFromHash('sha256', sha256.digest()) !== digest) throw new Error(`${name} got wrong bytes`)
    },
    async stop() {
      await swarm.stop()
      await cache.stop()
      await rm(dataDir, { recursive: true })
    },
  }
}

async function digestOf(path: string): Promise<Digest> {
  const sha256 = createHash('sha256')
  await pipeline(createReadStream(path), sha256)
  return digestFromHash('sha256', sha256.digest())
}
