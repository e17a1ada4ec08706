import { hash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { request } from 'undici'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { run } from '../harness/run.ts'
import { type SmallImage, writeSmallImage } from './small-image.ts'

const cli = fileURLToPath(new URL('../../packages/agent/dist/cli.js', import.meta.url))
const name = 'r.corp/team/app:1'

/** Two nodes whose registry is away, as in a cluster without a way out, and an image in a file. */
async function lab(t: ExecutionContext) {
  const root = await mkdtemp(join(tmpdir(), 'shoal-imported-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const image = await writeSmallImage(join(root, 'layout'), [600_000, 100])
  const swarm = await startSwarm({ nodes: 2, directory: root, upstreams: ['r.corp=http://127.0.0.1:1'] })
  t.teardown(() => swarm[Symbol.asyncDispose]())
  const [first, second] = swarm.nodes
  if (first === undefined || second === undefined) throw new Error('two nodes')
  const importAs = (...flags: string[]) => {
    const where = ['--data-dir', first.directory]
    return run(process.execPath, [
      cli,
      'cache',
      ...where,
      'import',
      join(root, 'layout'),
      '--name',
      name,
      ...flags,
    ])
  }
  const places = await placesOf(join(root, 'layout'), image)
  return { places, rootDigest: image.layout.root.digest, first, second, importAs }
}

async function get(node: SwarmNode, path: string): Promise<{ status: number; digest: string }> {
  const { statusCode, body } = await request(`http://${node.shim}/v2/team/app/${path}?ns=r.corp`)
  const bytes = Buffer.from(await body.arrayBuffer())
  return { status: statusCode, digest: `sha256:${hash('sha256', bytes)}` }
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

test('an imported image is for nobody whom its registry has not let in', async (t) => {
  const { places, first, second, importAs } = await lab(t)
  t.regex(await importAs(), /^imported r\.corp\/team\/app:1 [^\n]*\n.*only.* --public/s)
  for (const node of [first, second]) {
    for (const place of places) t.true((await get(node, place)).status >= 400, place)
  }
})

test('an image that was imported as public is had from every node, by name and with its registry away', async (t) => {
  const { places, rootDigest, first, second, importAs } = await lab(t)
  t.notRegex(await importAs('--public'), /--public/)
  for (const node of [first, second]) {
    for (const place of places) {
      const { status, digest } = await get(node, place)
      t.is(status, 200, place)
      t.is(digest, place.endsWith('/1') ? rootDigest : (place.split('/')[1] ?? ''))
    }
  }
})

test('an image whose name was public stays so when the same is imported again', async (t) => {
  const { first, second, importAs } = await lab(t)
  await importAs('--public')
  await importAs()
  for (const node of [first, second]) t.is((await get(node, 'manifests/1')).status, 200)
})
