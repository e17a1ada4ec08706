import { hash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { request } from 'undici'
import { UpstreamRegistry } from '../../packages/agent/dist/demo/upstream-registry.js'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { run } from '../harness/run.ts'
import { type SmallImage, writeSmallImage } from './small-image.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))
const name = 'r.corp/team/app:1'
/** Index, manifest, configuration and two layers. */
const blobsInImage = 5
const announceTimeoutMs = 30_000

/** Two nodes and an image in a file. Their registry is away, as in a cluster without a way out, unless it is to serve. */
async function lab(t: ExecutionContext, { registryServes = false } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'shoal-imported-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const layout = join(root, 'layout')
  const image = await writeSmallImage(layout, [600_000, 100])
  const registry = await UpstreamRegistry.start({ layout: image.layout, name: 'team/app', tag: '1' })
  t.teardown(() => registry.stop())
  if (!registryServes) await registry.stop()
  const swarm = await startSwarm({
    nodes: 2,
    directory: root,
    upstreams: [`r.corp=${registry.url}`],
    flags: ['--log-level', 'debug'],
  })
  t.teardown(() => swarm[Symbol.asyncDispose]())
  const [first, second] = swarm.nodes
  if (first === undefined || second === undefined) throw new Error('two nodes')
  const importAs = (...flags: string[]) => {
    const command = [cli, 'cache', '--data-dir', first.directory, 'import', layout, '--name', name]
    return run(process.execPath, [...command, ...flags])
  }
  const places = await placesOf(layout, image)
  const { layers } = image
  return { layers, registry, places, rootDigest: image.layout.root.digest, first, second, importAs }
}

async function get(node: SwarmNode, path: string): Promise<{ status: number; digest: string }> {
  const { statusCode, body } = await request(`http://${node.shim}/v2/team/app/${path}?ns=r.corp`)
  const bytes = Buffer.from(await body.arrayBuffer())
  return { status: statusCode, digest: `sha256:${hash('sha256', bytes)}` }
}

/** Waits until other nodes keep records of so many things that the node can answer for: blobs, and names that are public. */
async function announced(node: SwarmNode, count: number): Promise<void> {
  const signal = AbortSignal.timeout(announceTimeoutMs)
  while (announcedBy(node) < count) await delay(20, undefined, { signal })
}

function announcedBy(node: SwarmNode): number {
  const lines = node.wholeLog.split('\n').filter((line) => line.includes('"msg":"announced"'))
  const kept = lines
    .map((line) => JSON.parse(line) as { cid: string; told: number })
    .filter(({ told }) => told > 0)
  return new Set(kept.map(({ cid }) => cid)).size
}

/** What a client asks for, in its order. */
async function placesOf(directory: string, { layout, layers }: SmallImage): Promise<string[]> {
  const index = await readFile(join(directory, 'blobs', ...layout.root.digest.split(':')), 'utf8')
  const { manifests } = JSON.parse(index) as { manifests: { digest: string }[] }
  return [
    'manifests/1',
    ...[layout.root, ...manifests].map(({ digest }) => `manifests/${digest}`),
    ...layers.map((digest) => `blobs/${digest}`),
  ]
}

test.serial('an imported image is for nobody whom its registry has not let in', async (t) => {
  const { places, first, second, importAs } = await lab(t)
  t.regex(await importAs(), /^imported r\.corp\/team\/app:1 [^\n]*\n.*only.* --public/s)
  for (const node of [first, second]) {
    for (const place of places) t.true((await get(node, place)).status >= 400, place)
  }
})

test.serial(
  'an image that was imported as public is had from every node, by name and with its registry away',
  async (t) => {
    const { places, rootDigest, first, second, importAs } = await lab(t)
    t.notRegex(await importAs('--public'), /--public/)
    await announced(first, blobsInImage + 1)
    for (const node of [first, second]) {
      for (const place of places) {
        const { status, digest } = await get(node, place)
        t.is(status, 200, `${place}\n${node.log}`)
        t.is(digest, place.endsWith('/1') ? rootDigest : (place.split('/')[1] ?? ''))
      }
    }
  },
)

test.serial('an image whose name was public stays so when the same is imported again', async (t) => {
  const { first, second, importAs } = await lab(t)
  await importAs('--public')
  await importAs()
  await announced(first, blobsInImage + 1)
  for (const node of [first, second]) t.is((await get(node, 'manifests/1')).status, 200)
})

test.serial(
  'of an imported image whose registry lets everybody in, others take the blobs from the node that has them',
  async (t) => {
    const { layers, registry, places, first, second, importAs } = await lab(t, { registryServes: true })
    await importAs()
    await announced(first, blobsInImage)
    for (const place of places) t.is((await get(second, place)).status, 200, place)
    const { bytesByDigest } = registry.counts
    t.deepEqual(
      layers.filter((digest) => bytesByDigest.has(digest)),
      [],
    )
  },
)
