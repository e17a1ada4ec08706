import { setImmediate } from 'node:timers/promises'
import { type AccessProbe, mediaTypes, type OriginAccess } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import type { RegistryComponents } from '../dist/index.js'
import { FakeContent, FakeMetadata, fakeOrigin, goodItem, makeManifest, never, startShim } from './fixture.ts'
import { MemoryUploads } from './memory-uploads.ts'

const { bytes, digest, layer } = makeManifest()
const mediaType = mediaTypes.ociManifest
const descriptor = { digest, size: bytes.length, mediaType }
const tag = '/v2/org/app/manifests/v1'
const repository = { registry: 'docker.io', name: 'org/app' }

/** A node whose cache is empty, and a registry that has one image. */
async function lab(t: ExecutionContext, components: Partial<RegistryComponents> = {}) {
  const probes: AccessProbe[] = []
  const access: OriginAccess = {
    isPublic: async (_repository, probe) => {
      probes.push(probe)
      const isWhole = probe.kind === 'manifest' && probe.isWhole === true
      return { isAllowed: true, descriptor, ...(isWhole ? { manifest: bytes } : {}) }
    },
    admit: async () => ({ isAllowed: false }),
  }
  const uploads = new MemoryUploads()
  const content = new FakeContent().add(digest, goodItem(bytes, { mediaType }))
  const metadata = new FakeMetadata()
  const shim = await startShim(t, {
    ...{ access, uploads, content, metadata, origin: fakeOrigin(), isAlone: () => true },
    ...(components as object),
  })
  return { shim, probes, uploads, content, metadata }
}

const wholes = (probes: readonly AccessProbe[]) =>
  probes.map((probe) => probe.kind === 'manifest' && probe.isWhole === true)

test('a node that knows no other gets a manifest with the answer to its tag', async (t) => {
  const { shim, probes, content } = await lab(t)
  const { status, body, headers } = await shim.get(tag)
  t.is(status, 200)
  t.true(body.equals(bytes))
  t.like(headers, { 'docker-content-digest': digest, 'content-type': mediaType, 'cache-control': 'no-cache' })
  t.deepEqual(wholes(probes), [true])
  t.deepEqual(content.opened, [])
})

test('the manifest is in the cache then, and what it refers to is known', async (t) => {
  const { shim, uploads, metadata } = await lab(t)
  await shim.get(tag)
  while (uploads.committed.length === 0) await setImmediate()
  t.deepEqual(uploads.committed, [{ descriptor, bytes: Buffer.from(bytes) }])
  t.deepEqual(await metadata.getDescriptor(layer.digest), layer)
  t.like(await metadata.getTag(repository, 'v1'), { descriptor })
  t.is(uploads.open, 0)
})

test('where others are known, the tag is asked for first', async (t) => {
  const { shim, probes, content } = await lab(t, { isAlone: () => false })
  t.is((await shim.get(tag)).status, 200)
  t.deepEqual(wholes(probes), [false])
  t.is(content.opened.length, 1)
})

test('so it is for a tag that was known before: its manifest is most likely here', async (t) => {
  const { shim, probes, content, metadata } = await lab(t)
  await metadata.putTag(repository, 'v1', { descriptor, resolvedAt: 0, isPublic: true })
  t.is((await shim.get(tag)).status, 200)
  t.deepEqual(wholes(probes), [false])
  t.is(content.opened.length, 1)
})

test('a HEAD does not fetch a manifest', async (t) => {
  const { shim, probes } = await lab(t)
  t.is((await shim.head(tag)).status, 200)
  t.deepEqual(wholes(probes), [false])
})

test('nothing is asked for whole that could not be kept', async (t) => {
  const { shim, probes } = await lab(t, { uploads: undefined })
  t.is((await shim.get(tag)).status, 200)
  t.deepEqual(wholes(probes), [false])
})

test('a cache that does not answer costs little time, and the pull goes on', async (t) => {
  class Stuck extends FakeMetadata {
    override getTag = () => never(new AbortController().signal)
  }
  const { shim, probes } = await lab(t, { metadata: new Stuck() })
  t.is((await shim.get(tag)).status, 200)
  t.deepEqual(wholes(probes), [false])
})

test('a disk that can not take it does not fail the pull, and is reported', async (t) => {
  const { shim, uploads } = await lab(t)
  uploads.onAppend = async () => {
    throw new Error('the disk is full')
  }
  t.is((await shim.get(tag)).status, 200)
  while (shim.events.every(({ type }) => type !== 'degraded')) await setImmediate()
  t.like(
    shim.events.find(({ type }) => type === 'degraded'),
    { operation: 'keep manifest' },
  )
  t.is(uploads.open, 0)
})

test('a disk that hangs keeps neither the client nor the end waiting', async (t) => {
  const { shim, uploads } = await lab(t)
  uploads.onAppend = () => never(new AbortController().signal)
  t.is((await shim.get(tag)).status, 200)
  await shim.registry.stop()
  t.pass()
})
