import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { request } from 'undici'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import {
  addImage,
  type Content,
  type MemoryImage,
  MemoryRegistry,
  type MemoryRepository,
} from '../harness/memory-registry.ts'

/** What a client checks of the pull side of OCI Distribution 1.1, against an agent in front of a registry. */

const layer = randomBytes(4_000)
const digestOf = (algorithm: 'sha256' | 'sha512', bytes: Uint8Array) =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`

let node: SwarmNode
let image: MemoryImage
let repository: MemoryRepository
const cleanUp = new AsyncDisposableStack()

test.before(async () => {
  const root = await mkdtemp(join(tmpdir(), 'shoal-spec-'))
  cleanUp.defer(() => rm(root, { recursive: true, force: true }))
  const registry = cleanUp.use(await MemoryRegistry.start())
  repository = registry.add('team/app')
  image = addImage(repository, 'v1', [layer])
  addImage(repository, 'v2', [randomBytes(100)])
  const upstreams = [`r.corp=http://${registry.host}`]
  const swarm = cleanUp.use(await startSwarm({ nodes: 1, directory: root, upstreams }))
  node = swarm.nodes[0] as SwarmNode
})
test.after.always(() => cleanUp.disposeAsync())

async function ask(path: string, { method = 'GET' as 'GET' | 'HEAD', range = '', name = 'team/app' } = {}) {
  const url = `http://${node.shim}/v2/${name === '' ? '' : `${name}/`}${path}${path.includes('?') ? '&' : '?'}ns=r.corp`
  const answer = await request(url, { method, headers: range === '' ? {} : { range } })
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.from(await answer.body.arrayBuffer()),
  }
}

/** Puts content into the repository as its clients push it. */
function push(
  place: 'manifests' | 'blobs',
  content: Omit<Content, 'digest'>,
  algorithm: 'sha256' | 'sha512' = 'sha256',
) {
  const digest = digestOf(algorithm, content.bytes)
  repository[place].set(digest, { ...content, digest })
  return { digest, size: content.bytes.length, mediaType: content.mediaType }
}

test('ping', async (t) => {
  t.is((await ask('', { name: '' })).status, 200)
})

for (const method of ['GET', 'HEAD'] as const) {
  for (const by of ['tag', 'digest'] as const) {
    test(`${method} of a manifest by ${by}`, async (t) => {
      const manifest = repository.manifests.get(image.digest)
      const { status, headers, body } = await ask(`manifests/${by === 'tag' ? 'v1' : image.digest}`, {
        method,
      })
      t.is(status, 200)
      t.is(headers['docker-content-digest'], image.digest)
      t.is(headers['content-type'], manifest?.mediaType)
      t.is(headers['content-length'], String(manifest?.bytes.length))
      t.deepEqual(body, Buffer.from(method === 'HEAD' ? '' : (manifest?.bytes ?? '')))
    })
  }

  test(`${method} of a blob`, async (t) => {
    const { status, headers, body } = await ask(`blobs/${image.layers[0]?.digest}`, { method })
    t.is(status, 200)
    t.is(headers['docker-content-digest'], image.layers[0]?.digest)
    t.is(headers['content-length'], '4000')
    t.deepEqual(body, method === 'HEAD' ? Buffer.alloc(0) : layer)
  })

  test(`${method} of what is not there`, async (t) => {
    const unknown = digestOf('sha256', randomBytes(8))
    for (const path of [
      `manifests/${unknown}`,
      'manifests/nothing',
      `blobs/${unknown}`,
      `manifests/${digestOf('sha512', randomBytes(8))}`,
    ]) {
      t.is((await ask(path, { method })).status, 404, path)
    }
    t.is((await ask('manifests/v1', { method, name: 'team/nothing' })).status, 404)
  })

  test(`${method} of a malformed digest is no error of ours`, async (t) => {
    for (const digest of [
      'sha256:baddigeststring',
      'md5:d41d8cd98f00b204e9800998ecf8427e',
      'sha256:',
      'sha512:00',
    ]) {
      for (const kind of ['manifests', 'blobs']) {
        t.true([400, 404].includes((await ask(`${kind}/${digest}`, { method })).status), digest)
      }
    }
  })
}

for (const [range, start, end] of [
  ['500-1499', 500, 1500],
  ['500-', 500, 4000],
  ['-500', 3500, 4000],
  ['2000-5000', 2000, 4000],
  ['0-', 0, 4000],
  ['3999-3999', 3999, 4000],
] as const) {
  test(`range ${range}`, async (t) => {
    const { status, headers, body } = await ask(`blobs/${image.layers[0]?.digest}`, {
      range: `bytes=${range}`,
    })
    t.is(status, 206)
    t.is(headers['content-range'], `bytes ${start}-${end - 1}/4000`)
    t.deepEqual(body, layer.subarray(start, end))
  })
}

for (const range of ['5000-10000', '500-0', '4000-']) {
  test(`range ${range} can’t be satisfied`, async (t) => {
    const { status, headers } = await ask(`blobs/${image.layers[0]?.digest}`, { range: `bytes=${range}` })
    t.is(status, 416)
    t.is(headers['content-range'], 'bytes */4000')
  })
}

test('several ranges give the whole', async (t) => {
  const { status, body } = await ask(`blobs/${image.layers[0]?.digest}`, { range: 'bytes=0-9,100-109' })
  t.is(status, 200)
  t.deepEqual(body, layer)
})

test('the tag list', async (t) => {
  const { status, headers, body } = await ask('tags/list')
  t.is(status, 200)
  t.is(headers['content-type'], 'application/json')
  t.deepEqual(JSON.parse(body.toString()).name, 'team/app')
  t.true(JSON.parse(body.toString()).tags.includes('v1'))
})

test('referrers of a digest that nothing refers to', async (t) => {
  const { status, headers, body } = await ask(`referrers/${digestOf('sha256', randomBytes(8))}`)
  t.is(status, 200)
  t.is(headers['content-type'], 'application/vnd.oci.image.index.v1+json')
  t.like(JSON.parse(body.toString()), { schemaVersion: 2, manifests: [] })
  t.is((await ask('referrers/sha256:bad')).status, 400)
})

for (const algorithm of ['sha256', 'sha512'] as const) {
  test(`an artifact of ${algorithm} digests with a config of its own kind, empty, zstd and foreign layers`, async (t) => {
    const blob = (bytes: Uint8Array, mediaType: string) => push('blobs', { bytes, mediaType }, algorithm)
    const config = blob(Buffer.from('{}'), 'application/vnd.example.config+json')
    const layers = [
      blob(Buffer.alloc(0), 'application/vnd.example.empty'),
      blob(randomBytes(5_000), 'application/vnd.oci.image.layer.v1.tar+zstd'),
    ]
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: digestOf(algorithm, randomBytes(8)),
      size: 5,
      urls: ['https://elsewhere.example/layer'],
    }
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = { schemaVersion: 2, mediaType, artifactType: 'application/vnd.example.thing', config }
    const bytes = Buffer.from(JSON.stringify({ ...manifest, layers: [...layers, foreign] }))
    const { digest } = push('manifests', { bytes, mediaType }, algorithm)
    repository.tags.set(`artifact-${algorithm}`, digest)

    t.deepEqual((await ask(`manifests/artifact-${algorithm}`)).body, bytes)
    t.is((await ask(`manifests/${digest}`)).headers['docker-content-digest'], digest)
    for (const layer of [config, ...layers]) {
      const { status, headers, body } = await ask(`blobs/${layer.digest}`)
      t.is(status, 200)
      t.is(headers['content-encoding'], undefined)
      t.is(digestOf(algorithm, body), layer.digest)
    }
    // Of what is not to be distributed the registry has nothing: clients go where its URLs lead.
    t.is((await ask(`blobs/${foreign.digest}`)).status, 404)
  })
}

test('a Docker image of schema 2, from its list', async (t) => {
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json'
  const config = push('blobs', {
    bytes: randomBytes(20),
    mediaType: 'application/vnd.docker.container.image.v1+json',
  })
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] }))
  const child = push('manifests', { bytes: manifest, mediaType })
  const listType = 'application/vnd.docker.distribution.manifest.list.v2+json'
  const platform = { os: 'linux', architecture: 'amd64' }
  const list = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: listType, manifests: [{ ...child, platform }] }),
  )
  repository.tags.set('docker', push('manifests', { bytes: list, mediaType: listType }).digest)
  const answered = await ask('manifests/docker')
  t.is(answered.headers['content-type'], listType)
  t.deepEqual(answered.body, list)
  t.is((await ask(`manifests/${child.digest}`)).headers['content-type'], mediaType)
  t.is((await ask(`blobs/${config.digest}`)).body.length, 20)
})

test('what writes is refused', async (t) => {
  for (const [method, path] of [
    ['POST', 'blobs/uploads/'],
    ['PUT', 'manifests/v1'],
    ['DELETE', 'manifests/v1'],
    ['PATCH', 'blobs/uploads/1'],
  ] as const) {
    const answer = await request(`http://${node.shim}/v2/team/app/${path}?ns=r.corp`, { method })
    const body = (await answer.body.json()) as { errors: { code: string }[] }
    t.is(answer.statusCode, 405)
    t.is(body.errors[0]?.code, 'UNSUPPORTED')
  }
})
