import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { request } from 'undici'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { type Content, MemoryRegistry } from '../harness/memory-registry.ts'
import { run } from '../harness/run.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))

/** What a pull costs at a registry far away is round trips: each request that is not needed is one more for every pod. */

let registry: MemoryRegistry
let node: SwarmNode
let directory: string
let upstreams: readonly string[]
let repositories = 0
const cleanUp = new AsyncDisposableStack()

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shoal-round-trips-'))
  cleanUp.defer(() => rm(directory, { recursive: true, force: true }))
  registry = cleanUp.use(await MemoryRegistry.start())
  upstreams = [`r.corp=http://${registry.host}`]
  const swarm = cleanUp.use(await startSwarm({ nodes: 1, directory, upstreams }))
  node = swarm.nodes[0] as SwarmNode
})
test.after.always(() => cleanUp.disposeAsync())

function contentOf(bytes: Uint8Array, mediaType: string): Content {
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes, mediaType }
}

/** Waits until the node has it in its cache. */
async function isKept({ digest }: Content): Promise<void> {
  const deadline = AbortSignal.timeout(20_000)
  const isThere = async () => {
    const output = await run(process.execPath, [cli, 'cache', 'ls', '--json', '--data-dir', node.directory])
    const { images } = JSON.parse(output) as { images: { digest: string; held: number }[] }
    return images.some((image) => image.digest === digest && image.held > 0)
  }
  while (!(await isThere())) await delay(5, undefined, { signal: deadline })
}

/** An image in a repository of its own. */
function publish(reader?: string) {
  const name = `org/app${repositories++}`
  const repository = registry.add(name, reader)
  const layer = contentOf(randomBytes(5_000), 'application/vnd.oci.image.layer.v1.tar+gzip')
  const config = contentOf(Buffer.from(JSON.stringify({ name })), 'application/vnd.oci.image.config.v1+json')
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const plain = ({ digest, bytes, mediaType }: Content) => ({ mediaType, digest, size: bytes.length })
  const manifest = contentOf(
    Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType, config: plain(config), layers: [plain(layer)] }),
    ),
    mediaType,
  )
  for (const blob of [layer, config]) repository.blobs.set(blob.digest, blob)
  repository.manifests.set(manifest.digest, manifest)
  repository.tags.set('v1', manifest.digest)
  const pull = async (method: 'GET' | 'HEAD', path: string, headers = {}, { shim } = node) => {
    const answer = await request(`http://${shim}/v2/${name}/${path}?ns=r.corp`, { method, headers })
    await answer.body.dump()
    return answer.statusCode
  }
  /** What the registry was asked for this repository, as `<method> <kind>`. */
  const asked = () =>
    registry.asked
      .filter(({ path }) => path.startsWith(`/v2/${name}/`))
      .map(({ method, path }) => {
        const rest = path.slice(`/v2/${name}/`.length)
        return `${method} ${rest.replace(manifest.digest, '<manifest>').replace(layer.digest, '<layer>').replace(config.digest, '<config>')}`
      })
  return { repository, manifest, layer, config, pull, asked }
}

test('containerd, HEAD of the tag and GET of the digest: one HEAD and one GET', async (t) => {
  const { pull, asked, manifest } = publish()
  t.is(await pull('HEAD', 'manifests/v1'), 200)
  t.is(await pull('GET', `manifests/${manifest.digest}`), 200)
  t.deepEqual(asked(), ['HEAD manifests/v1', 'GET manifests/<manifest>'])
})

test('Podman, GET of the tag, on a node that knows no other: one GET, and no more for the digest', async (t) => {
  const { pull, asked, manifest } = publish()
  t.is(await pull('GET', 'manifests/v1'), 200)
  await isKept(manifest)
  t.is(await pull('GET', `manifests/${manifest.digest}`), 200)
  t.deepEqual(asked(), ['GET manifests/v1'])
})

test('in a cluster: one HEAD, which no registry counts as a pull, and one GET', async (t) => {
  const two = join(directory, 'two')
  await mkdir(two)
  await using swarm = await startSwarm({ nodes: 2, directory: two, upstreams })
  const { pull, asked } = publish()
  t.is(await pull('GET', 'manifests/v1', {}, swarm.nodes[1]), 200)
  t.deepEqual(asked(), ['HEAD manifests/v1', 'GET manifests/<manifest>'])
})

test('an image by its digest: one HEAD and one GET', async (t) => {
  const { pull, asked, manifest } = publish()
  t.is(await pull('GET', `manifests/${manifest.digest}`), 200)
  t.deepEqual(asked(), ['HEAD manifests/<manifest>', 'GET manifests/<manifest>'])
})

test('a private image for who may read it: a refusal, then one HEAD and one GET with its token', async (t) => {
  const { pull, asked, manifest } = publish('reader:password')
  const authorization = `Basic ${Buffer.from('reader:password').toString('base64')}`
  t.is(await pull('HEAD', 'manifests/v1', { authorization }), 200)
  t.is(await pull('GET', `manifests/${manifest.digest}`, { authorization }), 200)
  const untilToken = asked().slice(0, -2)
  t.true(untilToken.every((request) => request === 'HEAD manifests/v1'))
  t.true(untilToken.length <= 3)
  t.deepEqual(asked().slice(-2), ['HEAD manifests/v1', 'GET manifests/<manifest>'])
})

test('the manifest of a platform: its HEAD and its GET go out together', async (t) => {
  const { pull, asked, manifest, repository } = publish()
  const { mediaType, digest, bytes } = manifest
  const list = { mediaType: 'application/vnd.oci.image.index.v1+json', schemaVersion: 2 }
  const child = { mediaType, digest, size: bytes.length }
  const index = contentOf(Buffer.from(JSON.stringify({ ...list, manifests: [child] })), list.mediaType)
  repository.manifests.set(index.digest, index)
  repository.tags.set('multi', index.digest)
  t.is(await pull('HEAD', 'manifests/multi'), 200)
  t.is(await pull('GET', `manifests/${index.digest}`), 200)
  const before = asked().length
  // The registry answers the HEAD once it was asked for the whole too: it waits for nobody who comes after it.
  registry.intercept = (request, response, content) => {
    if (request.method !== 'HEAD' || content?.digest !== digest) return false
    const timer = setInterval(() => {
      if (!asked().includes('GET manifests/<manifest>')) return
      clearInterval(timer)
      registry.deliver(request, response, content)
    }, 10)
    response.on('close', () => clearInterval(timer))
    return true
  }
  t.is(await pull('GET', `manifests/${digest}`), 200)
  t.deepEqual(asked().slice(before).sort(), ['GET manifests/<manifest>', 'HEAD manifests/<manifest>'])
})

test('a blob of an image that was pulled: nothing but its GET', async (t) => {
  const { pull, asked, manifest, layer, config } = publish()
  t.is(await pull('GET', `manifests/${manifest.digest}`), 200)
  const before = asked().length
  t.is(await pull('GET', `blobs/${config.digest}`), 200)
  t.is(await pull('GET', `blobs/${layer.digest}`), 200)
  t.deepEqual(asked().slice(before), ['GET blobs/<config>', 'GET blobs/<layer>'])
})
