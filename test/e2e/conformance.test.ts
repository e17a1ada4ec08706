import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Dispatcher, request } from 'undici'
import { startSwarm } from '../harness/agents.ts'
import { MemoryRegistry, type MemoryRepository } from '../harness/memory-registry.ts'
import { takePushes } from '../harness/push-side.ts'

/**
 * The checks of the OCI distribution conformance suite (opencontainers/distribution-spec, `conformance/run.go`), under its
 * names: of blobs for each algorithm, then of each kind of data, then of what is not there. Each is made through an agent
 * that passes pushes on, so what is asked for was pushed through it. Its `ping` and the details of the pull side
 * (`distribution-spec.test.ts`), and its `empty` referrers of an unknown digest, are there.
 */

type Algorithm = 'sha256' | 'sha512'
const algorithms: readonly Algorithm[] = ['sha256', 'sha512']
const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  example: 'application/vnd.example.conformance+json',
}

let shim: string
let registry: MemoryRegistry
let repositories = 0
const cleanUp = new AsyncDisposableStack()

test.before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-conformance-'))
  cleanUp.defer(() => rm(directory, { recursive: true, force: true }))
  registry = cleanUp.use(await MemoryRegistry.start())
  takePushes(registry)
  const upstreams = [`r.corp=http://${registry.host}`]
  const flags = ['--registry-push', 'passthrough']
  const swarm = cleanUp.use(await startSwarm({ nodes: 1, directory, upstreams, flags }))
  shim = swarm.nodes[0]?.shim ?? ''
})
test.after.always(() => cleanUp.disposeAsync())

function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

interface Sent {
  readonly body?: Uint8Array
  readonly headers?: Record<string, string>
}

/** A repository of a test's own, upstream and through the agent. */
class Repository {
  readonly name = `conformance/r${repositories++}`
  readonly upstream: MemoryRepository = registry.add(this.name)

  async ask(method: Dispatcher.HttpMethod, path: string, { body, headers = {} }: Sent = {}) {
    const url = new URL(path.startsWith('/') ? path : `/v2/${this.name}/${path}`, `http://${shim}`)
    url.searchParams.set('ns', 'r.corp')
    const answer = await request(url, { method, headers, body: body ?? null })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, headers: answer.headers, bytes }
  }

  async begin(): Promise<string> {
    const { headers } = await this.ask('POST', 'blobs/uploads/', { body: Buffer.alloc(0) })
    return String(headers.location)
  }

  async patch(location: string, body: Uint8Array, start?: number) {
    const headers: Record<string, string> = {}
    if (start !== undefined) headers['content-range'] = `${start}-${start + body.length - 1}`
    return await this.ask('PATCH', location, { body, headers })
  }

  async put(location: string, digest: string, { body = Buffer.alloc(0), headers = {} }: Sent = {}) {
    const url = new URL(location, `http://${shim}`)
    url.searchParams.set('digest', digest)
    return await this.ask('PUT', `${url.pathname}${url.search}`, { body, headers })
  }

  async pushBlob(bytes: Uint8Array, mediaType: string, algorithm: Algorithm = 'sha256') {
    const digest = digestOf(bytes, algorithm)
    await this.put(await this.begin(), digest, { body: bytes })
    return { mediaType, digest, size: bytes.length }
  }

  async pushManifest(value: object, tag?: string, algorithm: Algorithm = 'sha256') {
    const body = Buffer.from(JSON.stringify(value))
    const { mediaType } = value as { mediaType: string }
    const headers = { 'content-type': mediaType }
    const digest = digestOf(body, algorithm)
    const references = tag === undefined ? [digest] : [digest, tag]
    for (const reference of references) await this.ask('PUT', `manifests/${reference}`, { body, headers })
    return { mediaType, digest, size: body.length, body }
  }
}

type Repo = Repository

/** The suite's `blob-head` and `blob-get`. */
async function assertBlob(t: ExecutionContext, repository: Repo, bytes: Uint8Array, digest: string) {
  for (const method of ['HEAD', 'GET'] as const) {
    const answer = await repository.ask(method, `blobs/${digest}`)
    t.is(answer.status, 200, `${method} ${digest}`)
    t.is(answer.headers['content-length'], String(bytes.length))
    t.is(answer.headers['docker-content-digest'], digest)
    t.deepEqual(answer.bytes, method === 'HEAD' ? Buffer.alloc(0) : Buffer.from(bytes))
  }
}

/** `blob-delete`: deleted for clients at once. */
async function assertDeleted(t: ExecutionContext, repository: Repo, path: string) {
  const deleted = await repository.ask('DELETE', path)
  t.is(deleted.status, 202, String(deleted.bytes))
  t.is((await repository.ask('HEAD', path)).status, 404)
}

/** How the suite pushes a blob, by the name that it gives to it. `bytes` are pushed under `digest`, right or wrong. */
const pushes: Readonly<
  Record<string, (repository: Repo, bytes: Buffer, digest: string) => Promise<{ status: number }>>
> = {
  'post only': (repository, body, digest) =>
    repository.ask('POST', `blobs/uploads/?digest=${digest}`, { body }),
  'post+put': async (repository, body, digest) => repository.put(await repository.begin(), digest, { body }),
  'chunked single': async (repository, bytes, digest) => {
    const { headers } = await repository.patch(await repository.begin(), bytes, 0)
    return repository.put(String(headers.location), digest)
  },
  stream: async (repository, bytes, digest) => {
    const { headers } = await repository.patch(await repository.begin(), bytes)
    return repository.put(String(headers.location), digest)
  },
  'chunked multi': (repository, bytes, digest) => inChunks(repository, { bytes, digest }),
  'chunked multi and put chunk': (repository, bytes, digest) =>
    inChunks(repository, { bytes, digest, putLast: true }),
  'chunked out-of-order': (repository, bytes, digest) =>
    inChunks(repository, { bytes, digest, outOfOrder: true }),
  'chunked out-of-order and put chunk': (repository, bytes, digest) =>
    inChunks(repository, { bytes, digest, putLast: true, outOfOrder: true }),
}

interface Chunked {
  readonly bytes: Buffer
  readonly digest: string
  readonly putLast?: boolean
  /** The last comes first, which a registry must refuse with 416 without losing the upload. */
  readonly outOfOrder?: boolean
}

async function inChunks(repository: Repo, { bytes, digest, putLast, outOfOrder }: Chunked) {
  const third = Math.ceil(bytes.length / 3)
  let location = await repository.begin()
  if (outOfOrder === true) {
    const early = await repository.patch(location, bytes.subarray(third), third)
    if (early.status !== 416) return early
  }
  for (let start = 0; start < bytes.length; start += third) {
    const chunk = bytes.subarray(start, start + third)
    const isLast = start + third >= bytes.length
    const range = { 'content-range': `${start}-${start + chunk.length - 1}` }
    if (isLast && putLast === true) return repository.put(location, digest, { body: chunk, headers: range })
    const { status, headers } = await repository.patch(location, chunk, start)
    if (status !== 202) return { status }
    location = String(headers.location)
  }
  return repository.put(location, digest)
}

for (const algorithm of algorithms) {
  const title = `${algorithm} blobs`

  test(`${title}: get-missing`, async (t) => {
    const missing = digestOf(randomBytes(512), algorithm)
    t.is((await new Repository().ask('GET', `blobs/${missing}`)).status, 404)
  })

  for (const [name, push] of Object.entries(pushes)) {
    test(`${title}: ${name}, blob-head, blob-get, blob-delete`, async (t) => {
      const repository = new Repository()
      const bytes = randomBytes(3_067)
      const digest = digestOf(bytes, algorithm)
      t.is((await push(repository, bytes, digest)).status, 201)
      await assertBlob(t, repository, bytes, digest)
      await assertDeleted(t, repository, `blobs/${digest}`)
    })
  }

  for (const name of ['post only', 'post+put', 'chunked multi', 'chunked multi and put chunk', 'stream']) {
    test(`${title}: bad digest ${name.replace(' multi', '')}`, async (t) => {
      const repository = new Repository()
      const digest = digestOf(randomBytes(512), algorithm)
      t.is((await pushes[name]?.(repository, randomBytes(512), digest))?.status, 400)
      t.is((await repository.ask('GET', `blobs/${digest}`)).status, 404)
    })
  }

  test(`${title}: mount`, async (t) => {
    const [source, target] = [new Repository(), new Repository()]
    const bytes = randomBytes(512)
    const { digest } = await source.pushBlob(bytes, types.layer, algorithm)
    const path = `blobs/uploads/?mount=${digest}&from=${encodeURIComponent(source.name)}`
    t.is((await target.ask('POST', path, { body: Buffer.alloc(0) })).status, 201)
    await assertBlob(t, target, bytes, digest)
    await assertDeleted(t, target, `blobs/${digest}`)
    await assertBlob(t, source, bytes, digest)
  })

  for (const [name, from] of [
    ['mount anonymous', ''],
    ['mount missing', '&from=conformance%2Fnothing'],
  ]) {
    test(`${title}: ${name} begins an upload`, async (t) => {
      const repository = new Repository()
      const bytes = randomBytes(512)
      const digest = digestOf(bytes, algorithm)
      const path = `blobs/uploads/?mount=${digest}${from}`
      const { status, headers } = await repository.ask('POST', path, { body: Buffer.alloc(0) })
      t.is(status, 202)
      t.is((await repository.ask('GET', `blobs/${digest}`)).status, 404)
      t.is((await repository.put(String(headers.location), digest, { body: bytes })).status, 201)
      await assertBlob(t, repository, bytes, digest)
    })
  }

  test(`${title}: post cancel`, async (t) => {
    const repository = new Repository()
    const location = await repository.begin()
    t.is((await repository.ask('DELETE', location)).status, 204)
    const bytes = randomBytes(512)
    t.is((await repository.put(location, digestOf(bytes, algorithm), { body: bytes })).status, 404)
  })

  for (const [name, range, start, end] of [
    ['range 500-1499', 'bytes=500-1499', 500, 1500],
    ['range 500-', 'bytes=500-', 500, 2048],
    ['range -500', 'bytes=-500', 1548, 2048],
    ['range 2000-5000', 'bytes=2000-5000', 2000, 2048],
    ['range 500-0', 'bytes=500-0', 0, 0],
    ['range 5000-10000', 'bytes=5000-10000', 0, 0],
  ] as const) {
    test(`${title}: range requests: ${name}`, async (t) => {
      const repository = new Repository()
      const bytes = randomBytes(2048)
      const { digest } = await repository.pushBlob(bytes, types.layer, algorithm)
      const answer = await repository.ask('GET', `blobs/${digest}`, { headers: { range } })
      t.is(answer.status, end === 0 ? 416 : 206)
      if (end === 0) return
      t.is(answer.headers['content-range'], `bytes ${start}-${end - 1}/2048`)
      t.is(answer.headers['content-length'], String(end - start))
      t.deepEqual(answer.bytes, bytes.subarray(start, end))
    })
  }

  for (const [name, text] of [
    ['empty', ''],
    ['emptyJSON', '{}'],
  ]) {
    test(`${title}: ${name}`, async (t) => {
      const repository = new Repository()
      const bytes = Buffer.from(text ?? '')
      const { digest } = await repository.pushBlob(bytes, types.empty, algorithm)
      await assertBlob(t, repository, bytes, digest)
      await assertDeleted(t, repository, `blobs/${digest}`)
    })
  }
}

type Pushed = Awaited<ReturnType<Repo['pushManifest']>>

const plain = ({ mediaType, digest, size }: { mediaType: string; digest: string; size: number }) => ({
  ...{ mediaType, digest, size },
})

/** An image with a layer, and whatever else its manifest says. */
async function image(repository: Repo, more: object = {}, tag?: string): Promise<Pushed> {
  const config = await repository.pushBlob(Buffer.from(`{"os":"linux","n":${Math.random()}}`), types.config)
  const layers = [await repository.pushBlob(randomBytes(700), types.layer)]
  const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers, ...more }
  return await repository.pushManifest(manifest, tag)
}

async function index(repository: Repo, manifests: readonly Pushed[], more: object = {}, tag?: string) {
  const value = { schemaVersion: 2, mediaType: types.index, manifests: manifests.map(plain), ...more }
  return await repository.pushManifest(value, tag)
}

async function artifact(repository: Repo, more: object = {}, tag?: string): Promise<Pushed> {
  const config = await repository.pushBlob(Buffer.from('{}'), types.empty)
  const layers = [await repository.pushBlob(randomBytes(300), types.example)]
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    artifactType: types.example,
    config,
    layers,
  }
  return await repository.pushManifest({ ...manifest, ...more }, tag)
}

const contentOf = (mediaType: string, body: Buffer) => ({ body, headers: { 'content-type': mediaType } })

async function twoImages(repository: Repo): Promise<Pushed[]> {
  return [await image(repository), await image(repository)]
}

/** The suite's kinds of data, each pushed under the tag `data`; all its manifests, the tagged one first. */
const kinds: Readonly<Record<string, (repository: Repo) => Promise<readonly Pushed[]>>> = {
  Image: async (repository) => [await image(repository, {}, 'data')],
  'Image Uncompressed': async (repository) => {
    const layer = await repository.pushBlob(randomBytes(100), 'application/vnd.oci.image.layer.v1.tar')
    return [await image(repository, { layers: [layer] }, 'data')]
  },
  'Image with Large Manifest': async (repository) => {
    const annotations = Object.fromEntries(
      Array.from({ length: 390 }, (_, at) => [`large-annotation-${at}`, 'A'.repeat(10_000)]),
    )
    return [await image(repository, { annotations }, 'data')]
  },
  Index: async (repository) => {
    const images = await twoImages(repository)
    return [await index(repository, images, {}, 'data'), ...images]
  },
  'Nested Index': async (repository) => {
    const images = await twoImages(repository)
    const inner = [await index(repository, images), await index(repository, images.slice(1))]
    return [await index(repository, inner, {}, 'data'), ...inner, ...images]
  },
  'Empty Index': async (repository) => [await index(repository, [], {}, 'data')],
  Artifact: async (repository) => [await artifact(repository, {}, 'data')],
  'Artifact Index': async (repository) => {
    const parts = [await artifact(repository), await artifact(repository)]
    return [await index(repository, parts, { artifactType: types.example }, 'data'), ...parts]
  },
  'Artifact without Layers': async (repository) => {
    const empty = await repository.pushBlob(Buffer.from('{}'), types.empty)
    return [await artifact(repository, { layers: [empty] }, 'data')]
  },
  'Artifacts with Subject': async (repository) => {
    const subject = await image(repository, {}, 'data')
    return [subject, await image(repository, { subject: plain(subject) })]
  },
  'Index with Subject': async (repository) => {
    const subject = await index(repository, await twoImages(repository), {}, 'data')
    return [subject, await index(repository, [], { artifactType: types.example, subject: plain(subject) })]
  },
  'Missing Subject': async (repository) => {
    const subject = { mediaType: types.manifest, digest: digestOf(Buffer.from('missing content')), size: 123 }
    return [await artifact(repository, { subject }, 'data')]
  },
  'Data Field': async (repository) => {
    const config = await repository.pushBlob(Buffer.from('{}'), types.empty)
    return [await image(repository, { config: { ...config, data: 'e30=' } }, 'data')]
  },
  'Non-distributable Layers': async (repository) => {
    const digest = digestOf(randomBytes(256))
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
    const foreign = { mediaType, digest, size: 123_456, urls: [`https://store.example.com/${digest}`] }
    const layer = await repository.pushBlob(randomBytes(100), types.layer)
    return [await image(repository, { layers: [foreign, layer] }, 'data')]
  },
  'Custom Fields': async (repository) => {
    const images = [await image(repository, { 'org.example.custom': { a: [1, 'ü'] } })]
    return [await index(repository, images, { 'org.example.custom': true }, 'data'), ...images]
  },
  'Digest Algorithm sha512': async (repository) => {
    const config = await repository.pushBlob(Buffer.from('{}'), types.empty, 'sha512')
    const layers = [await repository.pushBlob(randomBytes(100), types.layer, 'sha512')]
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers }
    const pushed = await repository.pushManifest(manifest, undefined, 'sha512')
    const value = { schemaVersion: 2, mediaType: types.index, manifests: [plain(pushed)] }
    const { body, ...top } = await repository.pushManifest(value, undefined, 'sha512')
    await repository.ask('PUT', `manifests/${top.digest}?tag=data`, contentOf(types.index, body))
    return [{ ...top, body }, pushed]
  },
  'Sparse Manifests': async (repository) => {
    const missing = { mediaType: types.layer, digest: digestOf(randomBytes(9)), size: 9 }
    const absent = { mediaType: types.manifest, digest: digestOf(randomBytes(1024)), size: 1024 }
    const sparse = await image(repository, { layers: [missing] })
    return [await index(repository, [sparse, { ...absent, body: Buffer.alloc(0) }], {}, 'data'), sparse]
  },
  'No Layers': async (repository) => [await image(repository, { layers: [] }, 'data')],
}

for (const [kind, push] of Object.entries(kinds)) {
  test(`${kind}: push, tag-list, head, pull, delete`, async (t) => {
    const repository = new Repository()
    const manifests = await push(repository)
    const list = await repository.ask('GET', 'tags/list')
    t.is(list.status, 200, String(list.bytes))
    t.deepEqual(JSON.parse(String(list.bytes)).tags, ['data'])
    for (const [at, { digest, mediaType, body }] of manifests.entries()) {
      for (const reference of at === 0 ? ['data', digest] : [digest]) {
        for (const method of ['HEAD', 'GET'] as const) {
          const { status, headers, bytes } = await repository.ask(method, `manifests/${reference}`)
          t.is(status, 200, String(bytes))
          t.is(headers['content-type'], mediaType)
          t.is(headers['content-length'], String(body.length))
          t.is(headers['docker-content-digest'], digest)
          // Not deepEqual: of 4 MB it takes seconds, and the registry that the agent asks is in this thread.
          t.true(bytes.equals(method === 'HEAD' ? Buffer.alloc(0) : body))
        }
      }
    }
    for (const { digest, bytes } of repository.upstream.blobs.values())
      await assertBlob(t, repository, bytes, digest)

    await assertDeleted(t, repository, 'manifests/data') // tag-delete
    for (const { digest } of manifests) await assertDeleted(t, repository, `manifests/${digest}`)
    for (const digest of [...repository.upstream.blobs.keys()])
      await assertDeleted(t, repository, `blobs/${digest}`)
  })
}

test('referrers, with and without artifactType', async (t) => {
  const repository = new Repository()
  const subject = await image(repository, {}, 'data')
  const annotations = { 'org.opencontainers.conformance': 'hello conformance test' }
  const first = await artifact(repository, { subject: plain(subject), annotations })
  const other = 'application/vnd.example.other'
  const second = await artifact(repository, { subject: plain(subject), artifactType: other })
  // As the suite pushes them to a registry without the referrers API: a list under the fallback tag.
  const listed = [
    { ...plain(first), artifactType: types.example, annotations },
    { ...plain(second), artifactType: other },
  ]
  const list = { schemaVersion: 2, mediaType: types.index, manifests: listed }
  await repository.pushManifest(list, subject.digest.replace(':', '-'))
  for (const [query, expected] of [
    ['', listed],
    [`?artifactType=${encodeURIComponent(types.example)}`, listed.slice(0, 1)],
  ] as const) {
    const { status, headers, bytes } = await repository.ask('GET', `referrers/${subject.digest}${query}`)
    t.is(status, 200)
    t.is(headers['content-type'], types.index)
    t.deepEqual(JSON.parse(String(bytes)).manifests, expected)
    t.is(headers['oci-filters-applied'], query === '' ? undefined : 'artifactType')
  }
})

test('tag-list: last leaves out what comes before it, n says how much comes', async (t) => {
  const repository = new Repository()
  for (const tag of ['d', 'b', 'a', 'c']) await index(repository, [], {}, tag)
  const tagsOf = async (query: string) => {
    const { status, headers, bytes } = await repository.ask('GET', `tags/list${query}`)
    t.is(status, 200)
    return { tags: JSON.parse(String(bytes)).tags as string[], link: headers.link }
  }
  t.deepEqual((await tagsOf('')).tags, ['a', 'b', 'c', 'd'])
  t.deepEqual((await tagsOf('?last=b')).tags, ['c', 'd'])
  const page = await tagsOf('?n=2')
  t.deepEqual(page.tags, ['a', 'b'])
  const next = /^<([^>]+)>; rel="?next"?$/.exec(String(page.link))?.[1]
  t.deepEqual(JSON.parse(String((await repository.ask('GET', next ?? '')).bytes)).tags, ['c', 'd'])
})

test('empty: tag list, referrers', async (t) => {
  const repository = new Repository()
  t.true([200, 404].includes((await repository.ask('GET', 'tags/list')).status))
  const { status, bytes } = await repository.ask('GET', `referrers/${digestOf(randomBytes(8))}`)
  t.is(status, 200)
  t.deepEqual(JSON.parse(String(bytes)).manifests, [])
})

test('missing-manifest: by-digest, by-tag', async (t) => {
  const repository = new Repository()
  t.is((await repository.ask('GET', `manifests/${digestOf(randomBytes(1024))}`)).status, 404)
  t.is((await repository.ask('GET', 'manifests/missing-tag')).status, 404)
})

for (const algorithm of algorithms) {
  test(`Tag Param ${algorithm}: a manifest pushed by digest gets all tags, and the answer names them`, async (t) => {
    const repository = new Repository()
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [] }))
    const digest = digestOf(body, algorithm)
    const path = `manifests/${digest}?tag=first&tag=second`
    const { status, headers } = await repository.ask('PUT', path, contentOf(types.index, body))
    t.is(status, 201)
    t.is(headers['oci-tag'], 'first, second')
    for (const tag of ['first', 'second']) {
      const answer = await repository.ask('GET', `manifests/${tag}`)
      t.is(answer.headers['docker-content-digest'], digest, String(answer.bytes))
      t.deepEqual(answer.bytes, body)
    }
  })
}

test('manifest-by-digest: the answer says where it is, and which subject the registry saw', async (t) => {
  const repository = new Repository()
  const subject = plain(await image(repository))
  const value = { schemaVersion: 2, mediaType: types.index, manifests: [], subject }
  const body = Buffer.from(JSON.stringify(value))
  const put = await repository.ask('PUT', `manifests/${digestOf(body)}`, contentOf(types.index, body))
  t.is(put.status, 201)
  t.is(put.headers['oci-subject'], subject.digest)
  t.is(put.headers['docker-content-digest'], digestOf(body))
  t.deepEqual((await repository.ask('GET', String(put.headers.location))).bytes, body)
})

test('Bad Digest Image: a manifest that has another digest is refused', async (t) => {
  const repository = new Repository()
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [] }))
  const changed = Buffer.concat([body, Buffer.from('  ')])
  const digest = digestOf(body)
  t.is((await repository.ask('PUT', `manifests/${digest}`, contentOf(types.index, changed))).status, 400)
  t.is((await repository.ask('GET', `manifests/${digest}`)).status, 404)
})

test('invalid-digest-format: blob-post-put, manifest-put, manifest-get, blob-delete', async (t) => {
  const repository = new Repository()
  const { digest } = await repository.pushBlob(randomBytes(90), types.layer)
  const headers = { 'content-type': types.manifest }
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.manifest }))
  const put = await repository.ask('PUT', 'manifests/sha256:baddigeststring', { body, headers })
  t.true(put.status >= 400 && put.status < 500)
  t.true([400, 404].includes((await repository.ask('GET', 'manifests/sha256:baddigeststring')).status))
  await assertDeleted(t, repository, `blobs/${digest}`)
})
