import { type Credentials, mediaTypes, type OriginAccess, OriginError, type Repository } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import type { RegistryInit } from '../dist/index.js'
import {
  digestOf,
  errorOf,
  FakeContent,
  fakeOrigin,
  goodItem,
  makeManifest,
  patternOf,
  startShim,
} from './fixture.ts'

const hour = 3_600_000
const shared = patternOf(2_000)
const secret = patternOf(3_000)
const secretImage = makeManifest(secret)
const publicImage = makeManifest(shared)
const tenant = { username: 'tenant', password: 'right' }
const basic = ({ username, password }: Credentials) => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
})
const down = new OriginError('unavailable', 'it is down')

/** A registry with `org/open` for all and `org/closed` for the tenant; everything is in this node's cache. */
async function lab(t: ExecutionContext, init: Partial<RegistryInit> = {}) {
  const world = {
    isDown: false,
    now: 10_000_000,
    asked: [] as string[],
    isOpen: (name: string): boolean => name === 'org/open',
  }
  const guarded =
    <T>(what: string, answer: () => T) =>
    async (): Promise<T> => {
      world.asked.push(what)
      if (world.isDown) throw down
      return answer()
    }
  const access: OriginAccess = {
    isPublic: ({ name }) => guarded(`public ${name}`, () => ({ isAllowed: world.isOpen(name) }))(),
    admit: ({ name }, _, { credentials }) =>
      guarded(`admit ${name}`, () => ({
        isAllowed: credentials.username === 'tenant' && credentials.password === 'right',
      }))(),
  }
  const content = new FakeContent()
  for (const bytes of [shared, secret]) content.add(digestOf(bytes), goodItem(bytes))
  for (const image of [secretImage, publicImage]) {
    content.add(image.digest, goodItem(image.bytes, { mediaType: mediaTypes.ociManifest }))
  }
  const imageOf = ({ name }: Repository) => (name === 'org/open' ? publicImage : secretImage)
  const origin = fakeOrigin({
    resolve: async (repository) => {
      if (world.isDown) throw down
      const { digest, bytes } = imageOf(repository)
      return { digest, size: bytes.length, mediaType: mediaTypes.ociManifest }
    },
    describe: async ({ repository, digest }) => {
      if (world.isDown) throw down
      const image = imageOf(repository)
      if (digest !== image.digest && digest !== image.layer.digest)
        throw new OriginError('not-found', 'not there')
      return { digest, size: 1, mediaType: 'application/octet-stream' }
    },
  })
  const shim = await startShim(
    t,
    { content, origin, access, vouch: false },
    { now: () => world.now, ...init },
  )
  return { shim, world }
}

const places = {
  tag: '/manifests/v1',
  'manifest digest': `/manifests/${secretImage.digest}`,
  'blob digest': `/blobs/${secretImage.layer.digest}`,
  'tags list': '/tags/list',
}

for (const [what, place] of Object.entries(places)) {
  test(`a private repository is challenged by ${what}, cached or not`, async (t) => {
    const { shim } = await lab(t)
    await shim.get('/v2/org/closed/manifests/v1', basic(tenant))
    const answer = await shim.get(`/v2/org/closed${place}`)
    t.is(answer.status, 401)
    t.is(answer.headers['www-authenticate'], 'Basic realm="docker.io", charset="UTF-8"')
    t.is(errorOf(answer).code, 'UNAUTHORIZED')
    t.is((await shim.head(`/v2/org/closed${place}`)).status, 401)
  })

  test(`wrong credentials open nothing by ${what}`, async (t) => {
    const { shim } = await lab(t)
    await shim.get('/v2/org/closed/manifests/v1', basic(tenant))
    t.is((await shim.get(`/v2/org/closed${place}`, basic({ ...tenant, password: 'wrong' }))).status, 401)
  })

  test(`a grant at one registry is none at another by ${what}`, async (t) => {
    const { shim, world } = await lab(t)
    await shim.get('/v2/org/closed/manifests/v1?ns=r.corp', basic(tenant))
    world.asked.length = 0
    t.is((await shim.get(`/v2/org/closed${place}?ns=other.corp`)).status, 401)
    await shim.get(`/v2/org/closed${place}?ns=other.corp`, basic(tenant))
    t.deepEqual(world.asked, ['public org/closed', 'admit org/closed'])
  })

  test(`another repository does not open it by ${what}`, async (t) => {
    const { shim } = await lab(t)
    await shim.get('/v2/org/closed/manifests/v1', basic(tenant))
    const answer = await shim.get(`/v2/org/open${place}`)
    if (what === 'tag') t.deepEqual(answer.body, Buffer.from(publicImage.bytes))
    else t.is(answer.status, 404)
  })
}

test('who may read it gets all of it', async (t) => {
  const { shim } = await lab(t)
  const tagged = await shim.get('/v2/org/closed/manifests/v1', basic(tenant))
  t.deepEqual(tagged.body, Buffer.from(secretImage.bytes))
  t.deepEqual(
    (await shim.get(`/v2/org/closed${places['blob digest']}`, basic(tenant))).body,
    Buffer.from(secret),
  )
})

test('a public layer is served in each repository that has it', async (t) => {
  const { shim } = await lab(t)
  const path = (name: string) => `/v2/${name}/blobs/${publicImage.layer.digest}`
  t.is((await shim.get(path('org/open'))).status, 200)
  t.is((await shim.get(path('org/closed'), basic(tenant))).status, 404)
})

test('the registry is asked once for each verdict, however many ask', async (t) => {
  const { shim, world } = await lab(t)
  const path = '/v2/org/closed/manifests/v1'
  await Promise.all(Array.from({ length: 10 }, () => shim.get(path, basic(tenant))))
  t.deepEqual(world.asked, ['public org/closed', 'admit org/closed'])
})

test('who asks for another tag at the same time shares the verdict, and not what was seen for it', async (t) => {
  const images = new Map([
    ['v1', publicImage],
    ['v2', secretImage],
  ])
  const content = new FakeContent()
  for (const { digest, bytes } of images.values()) content.add(digest, goodItem(bytes))
  const describedAs = (tag: string) => {
    const { digest, bytes } = images.get(tag) ?? publicImage
    return { digest, size: bytes.length, mediaType: mediaTypes.ociManifest }
  }
  const asked: string[] = []
  const access: OriginAccess = {
    isPublic: async (_, probe) => {
      const tag = probe.kind === 'manifest' ? probe.reference : ''
      asked.push(`may anybody read ${tag}`)
      return { isAllowed: true, descriptor: describedAs(tag) }
    },
    admit: async () => ({ isAllowed: false }),
  }
  const origin = fakeOrigin({
    resolve: async (_, tag) => {
      asked.push(`what is ${tag}`)
      return describedAs(tag)
    },
  })
  const shim = await startShim(t, { content, origin, access, vouch: false })
  const answers = await Promise.all(['v1', 'v2'].map((tag) => shim.get(`/v2/org/open/manifests/${tag}`)))
  t.deepEqual(
    answers.map(({ headers }) => headers['docker-content-digest']),
    [publicImage.digest, secretImage.digest],
  )
  t.deepEqual(asked, ['may anybody read v1', 'what is v2'])
})

test('verdicts end: what was private may be public, and a grant has to be proved anew', async (t) => {
  const { shim, world } = await lab(t)
  await shim.get('/v2/org/closed/manifests/v1', basic(tenant))
  world.now += 6 * 60_000
  await shim.get('/v2/org/closed/manifests/v1', basic(tenant))
  t.deepEqual(world.asked, ['public org/closed', 'admit org/closed', 'public org/closed', 'admit org/closed'])
  world.isOpen = () => true
  world.now += 6 * 60_000
  t.is((await shim.get('/v2/org/closed/manifests/v1')).status, 200)
})

test('while the registry is away, whoever could read goes on for some hours, and nobody else begins', async (t) => {
  const { shim, world } = await lab(t)
  const get = (credentials?: Credentials) =>
    shim.get('/v2/org/closed/manifests/v1', credentials && basic(credentials))
  await get(tenant)
  world.isDown = true
  world.now += hour
  t.is((await get(tenant)).status, 200)
  t.is((await get()).status, 401)
  t.not((await get({ ...tenant, password: 'wrong' })).status, 200)
  world.now += 4 * hour
  t.not((await get(tenant)).status, 200)
})

test('while the registry is away, what was public stays so for a day', async (t) => {
  const { shim, world } = await lab(t)
  const get = () => shim.get('/v2/org/open/manifests/v1')
  await get()
  world.isDown = true
  world.now += 23 * hour
  t.is((await get()).status, 200)
  world.now += 2 * hour
  t.is((await get()).status, 404)
})

test('a node that never asked believes a peer that a tag is public, only while the registry is away', async (t) => {
  const found = {
    descriptor: {
      digest: publicImage.digest,
      size: publicImage.bytes.length,
      mediaType: mediaTypes.ociManifest,
    },
    resolvedAt: Date.now(),
    isPublic: true,
  }
  const content = new FakeContent()
    .add(publicImage.digest, goodItem(publicImage.bytes, { mediaType: mediaTypes.ociManifest }))
    .add(publicImage.layer.digest, goodItem(shared))
  const fault = { current: down }
  const access: OriginAccess = {
    isPublic: async () => Promise.reject(fault.current),
    admit: async () => ({ isAllowed: false }),
  }
  const tagHints = { find: async () => found, announce: () => undefined }
  const origin = fakeOrigin({ resolve: () => Promise.reject(fault.current) })
  const clock = { now: Date.now() }
  const shim = await startShim(t, { content, access, tagHints, origin }, { now: () => clock.now })
  t.is((await shim.get('/v2/org/open/manifests/v1')).status, 200)
  // What the tag led to, which no peer knows as a reference of its own.
  t.is((await shim.get(`/v2/org/open/blobs/${publicImage.layer.digest}`)).status, 200)
  fault.current = new OriginError('not-found', 'gone')
  // A registry that was away is asked again after some seconds.
  clock.now += 6_000
  t.is((await shim.get(`/v2/org/open/blobs/${publicImage.layer.digest}`)).status, 404)
  t.is((await shim.get('/v2/org/other/manifests/v1')).status, 404)
})

test('a manifest opens nothing by naming what its registry need not have: a foreign layer, a manifest of an index', async (t) => {
  const foreign = {
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    digest: secretImage.layer.digest,
    size: secret.length,
    urls: ['https://elsewhere.example/layer'],
  }
  const config = {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: digestOf(Buffer.from('{}')),
    size: 2,
  }
  const child = {
    mediaType: mediaTypes.ociManifest,
    digest: secretImage.digest,
    size: secretImage.bytes.length,
  }
  const lures = [
    { mediaType: mediaTypes.ociManifest, config, layers: [foreign] },
    { mediaType: mediaTypes.ociIndex, manifests: [child] },
  ].map((lure) => Buffer.from(JSON.stringify({ schemaVersion: 2, ...lure })))
  for (const [index, bytes] of lures.entries()) {
    const digest = digestOf(bytes)
    const content = new FakeContent()
      .add(digest, goodItem(bytes))
      .add(secretImage.digest, goodItem(secretImage.bytes))
      .add(secretImage.layer.digest, goodItem(secret))
    const descriptor = { digest, size: bytes.length, mediaType: mediaTypes.ociManifest }
    const origin = fakeOrigin({
      resolve: async (_, reference) => {
        if (reference === 'v1') return descriptor
        throw new OriginError('not-found', 'not there')
      },
    })
    const shim = await startShim(t, { content, origin, vouch: false })
    t.is((await shim.get('/v2/org/lure/manifests/v1')).status, 200)
    const place = index === 0 ? `blobs/${secretImage.layer.digest}` : `manifests/${secretImage.digest}`
    t.is((await shim.get(`/v2/org/lure/${place}`)).status, 404, place)
  }
})

test('while the registry is away, a manifest of an index that was pulled is served', async (t) => {
  const child = {
    mediaType: mediaTypes.ociManifest,
    digest: publicImage.digest,
    size: publicImage.bytes.length,
  }
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] }),
  )
  const digest = digestOf(bytes)
  const content = new FakeContent()
    .add(digest, goodItem(bytes))
    .add(publicImage.digest, goodItem(publicImage.bytes))
  const origin = fakeOrigin({
    resolve: async () => ({ digest, size: bytes.length, mediaType: mediaTypes.ociIndex }),
    describe: () => Promise.reject(down),
  })
  const shim = await startShim(t, { content, origin, vouch: false })
  t.is((await shim.get('/v2/org/open/manifests/v1')).status, 200)
  const again = await shim.get(`/v2/org/open/manifests/${publicImage.digest}`)
  t.deepEqual(again.body, Buffer.from(publicImage.bytes))
})

test('headers that hold no credentials are as good as none', async (t) => {
  const { shim, world } = await lab(t)
  for (const authorization of [
    'Basic',
    'Basic !!!',
    'Bearer abc',
    `Basic ${'A'.repeat(20_000)}`,
    'Basic OnB3',
  ]) {
    t.is((await shim.get('/v2/org/closed/manifests/v1', { authorization })).status, 401)
  }
  t.deepEqual(world.asked, ['public org/closed'])
})

test('no event holds what a client proved itself with', async (t) => {
  const { shim, world } = await lab(t)
  await shim.get('/v2/org/closed/manifests/v1', basic({ username: 'tenant', password: 'hunter2-right' }))
  world.isDown = true
  await shim.get('/v2/org/other/manifests/v1', basic({ username: 'tenant', password: 'hunter2-right' }))
  const text = JSON.stringify(shim.events)
  t.notRegex(text, /hunter2/)
  t.false(text.includes(Buffer.from('tenant:hunter2-right').toString('base64')))
})
