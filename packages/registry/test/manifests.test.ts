import { mediaTypes, OriginError, type OriginFault, type TagHints } from '@shoal/content'
import test from 'ava'
import {
  digestOf,
  errorOf,
  FakeContent,
  fakeOrigin,
  goodItem,
  makeManifest,
  never,
  patternOf,
  startShim,
  unknownDigest,
} from './fixture.ts'

const manifest = makeManifest()
const type = mediaTypes.ociManifest
const descriptor = { digest: manifest.digest, size: manifest.bytes.length, mediaType: type }
const repository = { registry: 'docker.io', name: 'library/app' }
const byDigest = `/v2/library/app/manifests/${manifest.digest}`
const byTag = '/v2/library/app/manifests/v1'

function holding(bytes: Uint8Array = manifest.bytes, mediaType: string = type): FakeContent {
  return new FakeContent().add(digestOf(bytes), goodItem(bytes, { mediaType, pieceLength: 100 }))
}

function failing(fault: OriginFault) {
  return fakeOrigin({
    resolve: async () => {
      throw new OriginError(fault, 'the origin said no')
    },
  })
}

test('GET by digest gives the manifest as it was pushed', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { status, headers, body } = await shim.get(`${byDigest}?ns=docker.io`)
  t.is(status, 200)
  t.deepEqual(body, Buffer.from(manifest.bytes))
  t.like(headers, {
    'content-type': type,
    'content-length': String(manifest.bytes.length),
    'docker-content-digest': manifest.digest,
    etag: `"${manifest.digest}"`,
    'oci-namespace': 'docker.io',
    'docker-distribution-api-version': 'registry/2.0',
  })
})

test('asks the source for a manifest in its repository', async (t) => {
  const shim = await startShim(t, { content: holding() })
  await shim.get(byDigest)
  t.like(shim.content.opened[0], { kind: 'manifest', digest: manifest.digest, repository })
})

test('HEAD by digest gives the same headers and no body', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { status, headers, body } = await shim.head(byDigest)
  t.is(status, 200)
  t.is(body.length, 0)
  t.like(headers, { 'content-length': String(manifest.bytes.length), 'content-type': type })
})

test('GET by tag gives what the origin says the tag stands for', async (t) => {
  const origin = fakeOrigin({ resolve: async () => descriptor })
  const shim = await startShim(t, { content: holding(), origin })
  const { headers, body } = await shim.get(byTag)
  t.deepEqual(body, Buffer.from(manifest.bytes))
  t.like(headers, { 'docker-content-digest': manifest.digest, 'cache-control': 'no-cache' })
})

test('HEAD by tag needs no manifest', async (t) => {
  const shim = await startShim(t, { origin: fakeOrigin({ resolve: async () => descriptor }) })
  const { status, headers } = await shim.head(byTag)
  t.is(status, 200)
  t.like(headers, {
    'content-type': type,
    'content-length': String(descriptor.size),
    'docker-content-digest': descriptor.digest,
  })
  t.deepEqual(shim.content.opened, [])
})

test('records the blobs of a manifest, so that their sizes are known', async (t) => {
  const shim = await startShim(t, { content: holding() })
  await shim.get(byDigest)
  t.deepEqual(shim.metadata.descriptors.get(manifest.layer.digest), manifest.layer)
})

test('a store that can not record does not fail the pull', async (t) => {
  const shim = await startShim(t, { content: holding() })
  shim.metadata.putDescriptors = () => Promise.reject(new Error('disk full'))
  t.is((await shim.get(byDigest)).status, 200)
  const operations = shim.events.flatMap((event) => (event.type === 'degraded' ? [event.operation] : []))
  t.deepEqual(operations, ['record tag', 'record manifest'])
})

test('takes the media type from the manifest when the source does not know it', async (t) => {
  const shim = await startShim(t, { content: holding(manifest.bytes, 'application/octet-stream') })
  t.is((await shim.get(byDigest)).headers['content-type'], type)
})

test('drops the parameters of a media type', async (t) => {
  const shim = await startShim(t, { content: holding(manifest.bytes, `${type}; charset=utf-8`) })
  t.is((await shim.get(byDigest)).headers['content-type'], type)
})

test('a media type that no header can hold is not sent', async (t) => {
  const shim = await startShim(t, { content: holding(manifest.bytes, 'x/y\r\nSet-Cookie: z') })
  t.is((await shim.get(byDigest)).headers['content-type'], type)
})

test('serves a manifest of a kind that it can not read', async (t) => {
  const bytes = Buffer.from('{"artifact":true}')
  const shim = await startShim(t, { content: holding(bytes, 'application/vnd.example+json') })
  const { status, headers, body } = await shim.get(`/v2/library/app/manifests/${digestOf(bytes)}`)
  t.is(status, 200)
  t.is(headers['content-type'], 'application/vnd.example+json')
  t.deepEqual(body, bytes)
})

test('serves the range that containerd asks of everything', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { status, headers, body } = await shim.get(byDigest, { Range: 'bytes=0-' })
  t.is(status, 206)
  t.is(headers['content-range'], `bytes 0-${body.length - 1}/${manifest.bytes.length}`)
})

test('If-None-Match of the same manifest gives 304', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { status, body } = await shim.get(byDigest, { 'If-None-Match': `"${manifest.digest}"` })
  t.is(status, 304)
  t.is(body.length, 0)
})

test('a manifest that nobody has is 404', async (t) => {
  const shim = await startShim(t)
  const answer = await shim.get(`/v2/library/app/manifests/${unknownDigest}`)
  t.is(answer.status, 404)
  t.like(errorOf(answer), { code: 'MANIFEST_UNKNOWN', detail: { reason: 'not-found' } })
})

test('a manifest that does not hash to its digest is never sent', async (t) => {
  const content = new FakeContent().add(manifest.digest, goodItem(patternOf(100), { mediaType: type }))
  const answer = await (await startShim(t, { content })).get(byDigest)
  t.is(answer.status, 404)
  t.like(errorOf(answer), { code: 'MANIFEST_UNKNOWN', detail: { reason: 'digest-mismatch' } })
})

test('a manifest of 5 MB is refused before it is read', async (t) => {
  const item = goodItem(new Uint8Array(0), { mediaType: type })
  const read = (): never => t.fail('it was read') as never
  const content = new FakeContent().add(manifest.digest, { ...item, size: 5_000_000, read })
  const answer = await (await startShim(t, { content })).get(byDigest)
  t.is(answer.status, 404)
  t.like(errorOf(answer), {
    code: 'MANIFEST_INVALID',
    message: `manifest ${manifest.digest} has 5000000 bytes; the most that clients accept is 4194304`,
  })
})

test('a manifest that grows beyond what its source said is refused', async (t) => {
  const bytes = new Uint8Array(5_000_000)
  const content = new FakeContent().add(manifest.digest, { ...goodItem(bytes), size: 100 })
  content.items.set(manifest.digest, {
    size: 100,
    mediaType: type,
    read: () => goodItem(bytes).read({ start: 0, end: bytes.length }, AbortSignal.abort()),
  })
  const answer = await (await startShim(t, { content })).get(byDigest)
  t.is(errorOf(answer).code, 'MANIFEST_INVALID')
  t.is(content.openCount, 0)
})

test('HEAD of a tag whose manifest has 5 MB is refused', async (t) => {
  const shim = await startShim(t, {
    origin: fakeOrigin({ resolve: async () => ({ ...descriptor, size: 5_000_000 }) }),
  })
  t.is((await shim.head(byTag)).status, 404)
})

const faults = ['not-found', 'unauthorized', 'rate-limited', 'unavailable', 'refused', 'malformed'] as const
for (const fault of faults) {
  test(`an origin that is ${fault} gives 404 and the reason`, async (t) => {
    const shim = await startShim(t, { origin: failing(fault) })
    const answer = await shim.get(byTag)
    t.is(answer.status, 404)
    t.like(errorOf(answer), { code: 'MANIFEST_UNKNOWN', detail: { reason: fault } })
  })
}

test('an ns that the origin will not dial gives 404 and says so', async (t) => {
  const origin = fakeOrigin({
    resolve: async ({ registry }) => {
      throw new OriginError('refused', `${registry} resolves to a private address; name it with --upstream`)
    },
  })
  const answer = await (await startShim(t, { origin })).get('/v2/app/manifests/v1?ns=metadata.internal')
  t.is(answer.status, 404)
  t.regex(errorOf(answer).message, /metadata\.internal resolves to a private address/)
})

test('a bug gives 404 without its message, and a report', async (t) => {
  const origin = fakeOrigin({ resolve: () => Promise.reject(new TypeError('secret detail')) })
  const shim = await startShim(t, { origin })
  const answer = await shim.get(byTag)
  t.is(answer.status, 404)
  t.false(answer.body.includes('secret'))
  t.like(shim.events[0], {
    type: 'degraded',
    operation: 'serve request',
    error: { message: 'secret detail' },
  })
})

test('while the origin is down, the last known manifest serves with a warning', async (t) => {
  const now = Date.parse('2026-11-20T12:00:00Z')
  const shim = await startShim(t, { content: holding(), origin: failing('unavailable') }, { now: () => now })
  await shim.metadata.putTag(repository, 'v1', { descriptor, resolvedAt: now - 60_000, isPublic: true })
  const { status, headers } = await shim.get(byTag)
  t.is(status, 200)
  t.regex(
    headers.warning ?? '',
    /^299 - "docker\.io\/library\/app:v1 is as of 2026-11-20T11:59:00\.000Z: .*"$/,
  )
})

test('HEAD of a last known tag is 404 when its manifest can not be had', async (t) => {
  const shim = await startShim(t, { origin: failing('unavailable') })
  await shim.metadata.putTag(repository, 'v1', { descriptor, resolvedAt: Date.now(), isPublic: true })
  t.is((await shim.head(byTag)).status, 404)
})

test('HEAD of a tag that a peer knows answers with the size of the real manifest', async (t) => {
  const tagHints: TagHints = {
    find: async () => ({ descriptor: { ...descriptor, size: 7 }, resolvedAt: Date.now(), isPublic: true }),
    announce: () => undefined,
  }
  const shim = await startShim(t, { content: holding(), origin: failing('rate-limited'), tagHints })
  const { headers } = await shim.head(byTag)
  t.is(headers['content-length'], String(manifest.bytes.length))
  t.regex(headers.warning ?? '', /limits our rate/)
})

test('a source that never opens gives 404', async (t) => {
  const content = holding()
  content.open = () => never(new AbortController().signal)
  const answer = await (await startShim(t, { content }, { manifestTimeoutMs: 50 })).get(byDigest)
  t.is(answer.status, 404)
  t.is(errorOf(answer).detail.reason, 'timeout')
})

test('a source that stops midway gives 404 and lets go of the content', async (t) => {
  const content = new FakeContent().add(manifest.digest, {
    size: manifest.bytes.length,
    mediaType: type,
    read: async function* (_, signal) {
      yield manifest.bytes.slice(0, 10)
      await never(signal)
    },
  })
  const answer = await (await startShim(t, { content }, { manifestTimeoutMs: 50 })).get(byDigest)
  t.is(errorOf(answer).detail.reason, 'timeout')
  t.is(content.openCount, 0)
})

test('content that opens too late is closed again', async (t) => {
  const content = holding()
  const open = content.open.bind(content)
  const { promise, resolve } = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  content.open = async (address) => {
    await promise
    const opened = await open(address)
    return { ...opened, close: async () => closed.resolve() }
  }
  const shim = await startShim(t, { content }, { manifestTimeoutMs: 50 })
  t.is((await shim.get(byDigest)).status, 404)
  resolve()
  await t.notThrowsAsync(closed.promise)
})
