import { type Descriptor, mediaTypes, type Origin, OriginError, type TagHints } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { ReferenceResolver } from '../dist/reference-resolver.js'
import { digestOf, FakeMetadata, fakeOrigin, never, tagKey } from './fixture.ts'

const repository = { registry: 'docker.io', name: 'library/app' }
const { signal } = new AbortController()
const down = new OriginError('unavailable', 'connect ECONNREFUSED')

function descriptorOf(text: string): Descriptor {
  return { digest: digestOf(Buffer.from(text)), size: 500, mediaType: mediaTypes.ociManifest }
}

interface Setup {
  readonly resolve: Origin['resolve']
  readonly tagHints?: TagHints
  readonly manifestTimeoutMs?: number
}

function makeResolver(t: ExecutionContext, { resolve, tagHints, manifestTimeoutMs = 60_000 }: Setup) {
  const clock = { now: 1_000_000 }
  const metadata = new FakeMetadata()
  const problems: string[] = []
  const asked: string[] = []
  const counting: Origin['resolve'] = (of, tag, options) => {
    asked.push(tag)
    return resolve(of, tag, options)
  }
  const resolver = new ReferenceResolver(
    { origin: fakeOrigin({ resolve: counting }), metadata, tagHints, report: (what) => problems.push(what) },
    { tagTtlMs: 10_000, staleTagMaxAgeMs: 60_000, manifestTimeoutMs, now: () => clock.now },
  )
  t.teardown(() => resolver.close(new Error('the test is over')))
  const ask = (tag = 'v1') => resolver.resolve({ repository, text: tag, isPublic: true }, { signal })
  return { resolver, ask, clock, metadata, problems, asked }
}

test('asks the origin', async (t) => {
  const { ask } = makeResolver(t, { resolve: async () => descriptorOf('v1') })
  t.deepEqual(await ask(), { descriptor: descriptorOf('v1') })
})

test('records what the origin said, and when', async (t) => {
  const { ask, metadata } = makeResolver(t, { resolve: async () => descriptorOf('v1') })
  await ask()
  t.deepEqual(metadata.tags.get(tagKey(repository, 'v1')), {
    descriptor: descriptorOf('v1'),
    resolvedAt: 1_000_000,
    isPublic: true,
  })
})

test('announces a tag that the origin confirmed', async (t) => {
  const announced: string[] = []
  const tagHints: TagHints = {
    find: async () => undefined,
    announce: (of, tag) => announced.push(tagKey(of, tag)),
  }
  const { ask } = makeResolver(t, { resolve: async () => descriptorOf('v1'), tagHints })
  await ask()
  t.deepEqual(announced, ['docker.io/library/app:v1'])
})

test('those who ask at the same time share one question', async (t) => {
  const { ask, asked } = makeResolver(t, { resolve: async () => descriptorOf('v1') })
  await Promise.all([ask(), ask(), ask('v2'), ask()])
  t.deepEqual(asked, ['v1', 'v2'])
})

test('an answer stays current for its time to live', async (t) => {
  const { ask, asked, clock } = makeResolver(t, { resolve: async () => descriptorOf('v1') })
  await ask()
  clock.now += 9_999
  await ask()
  t.is(asked.length, 1)
})

test('the origin is asked again after that', async (t) => {
  let version = 0
  const { ask, clock } = makeResolver(t, { resolve: async () => descriptorOf(`v${++version}`) })
  await ask()
  clock.now += 10_000
  t.deepEqual(await ask(), { descriptor: descriptorOf('v2') })
})

test('a client that leaves does not end the question for the others', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Descriptor>()
  const { resolver, ask } = makeResolver(t, { resolve: () => promise })
  const client = new AbortController()
  const leaving = resolver.resolve({ repository, text: 'v1', isPublic: true }, { signal: client.signal })
  const staying = ask()
  client.abort(new Error('left'))
  await t.throwsAsync(leaving, { message: 'left' })
  resolve(descriptorOf('v1'))
  t.deepEqual(await staying, { descriptor: descriptorOf('v1') })
})

test('a tag that the origin does not have fails, although it was known', async (t) => {
  const { ask, metadata } = makeResolver(t, {
    resolve: async () => {
      throw new OriginError('not-found', 'manifest unknown')
    },
  })
  await metadata.putTag(repository, 'v1', {
    descriptor: descriptorOf('v1'),
    resolvedAt: 1_000_000,
    isPublic: true,
  })
  await t.throwsAsync(ask(), { instanceOf: OriginError })
})

test('a tag that the origin does not have is asked for again within five seconds', async (t) => {
  const { ask, asked, clock } = makeResolver(t, {
    resolve: async () => {
      throw new OriginError('not-found', 'manifest unknown')
    },
  })
  await t.throwsAsync(ask())
  clock.now += 4_999
  await t.throwsAsync(ask())
  clock.now += 1
  await t.throwsAsync(ask())
  t.is(asked.length, 2)
})

test('while the origin is down, what this node knew serves and says so', async (t) => {
  const { ask, metadata } = makeResolver(t, { resolve: () => Promise.reject(down) })
  await metadata.putTag(repository, 'v1', {
    descriptor: descriptorOf('v1'),
    resolvedAt: 950_000,
    isPublic: true,
  })
  t.like(await ask(), { descriptor: descriptorOf('v1'), stale: { resolvedAt: 950_000 } })
})

test('what this node knew does not serve beyond its age', async (t) => {
  const { ask, metadata } = makeResolver(t, { resolve: () => Promise.reject(down) })
  await metadata.putTag(repository, 'v1', {
    descriptor: descriptorOf('v1'),
    resolvedAt: 939_999,
    isPublic: true,
  })
  await t.throwsAsync(ask(), { is: down })
})

test('an origin that never answers counts as down', async (t) => {
  const { ask, metadata } = makeResolver(t, { resolve: () => never(signal), manifestTimeoutMs: 50 })
  await metadata.putTag(repository, 'v1', {
    descriptor: descriptorOf('v1'),
    resolvedAt: 950_000,
    isPublic: true,
  })
  t.like(await ask(), { stale: { resolvedAt: 950_000 } })
})

test('peers are asked when this node knows nothing', async (t) => {
  const tagHints: TagHints = {
    find: async () => ({ descriptor: descriptorOf('peer'), resolvedAt: 960_000, isPublic: true }),
    announce: () => t.fail('a hint was announced as if the origin had said it'),
  }
  const { ask, metadata } = makeResolver(t, { resolve: () => Promise.reject(down), tagHints })
  t.like(await ask(), { descriptor: descriptorOf('peer'), stale: { resolvedAt: 960_000 } })
  t.is(metadata.tags.size, 0)
})

test('a hint that is too old does not serve', async (t) => {
  const tagHints: TagHints = {
    find: async () => ({ descriptor: descriptorOf('peer'), resolvedAt: 900_000, isPublic: true }),
    announce: () => undefined,
  }
  const { ask } = makeResolver(t, { resolve: () => Promise.reject(down), tagHints })
  await t.throwsAsync(ask(), { is: down })
})

test('peers that never answer do not hold up the failure', async (t) => {
  const tagHints: TagHints = { find: () => never(signal), announce: () => undefined }
  const setup = { resolve: () => Promise.reject(down), tagHints, manifestTimeoutMs: 50 }
  const { ask, problems } = makeResolver(t, setup)
  await t.throwsAsync(ask(), { is: down })
  t.deepEqual(problems, ['ask peers for tag'])
})

test('a store that can not record does not fail the pull', async (t) => {
  const { ask, metadata, problems } = makeResolver(t, { resolve: async () => descriptorOf('v1') })
  metadata.putTag = () => Promise.reject(new Error('disk full'))
  t.deepEqual(await ask(), { descriptor: descriptorOf('v1') })
  t.deepEqual(problems, ['record tag'])
})
