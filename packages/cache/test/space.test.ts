import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, mediaTypes, parseImageReference, StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import type { Cache, CacheEvent, CacheInit } from '../dist/index.js'
import {
  chunkLength,
  fill,
  leavePartial,
  makeBlob,
  makeDirectory,
  makeImage,
  open,
  store,
  until,
} from './fixture.ts'

async function bounded(t: ExecutionContext, init: Omit<CacheInit, 'dataDir'>) {
  const dataDir = join(await makeDirectory(t), 'data')
  const events: CacheEvent[] = []
  let now = 1_000
  const cache = await open(t, dataDir, { now: () => now++, onEvent: (event) => events.push(event), ...init })
  return { cache, dataDir, events }
}

const heldBytes = async (cache: Cache) =>
  (await Array.fromAsync(cache.blobs.list())).reduce((sum, { size }) => sum + size, 0)

const refusedBy = async (t: ExecutionContext, cache: Cache, descriptor: Descriptor) =>
  (await t.throwsAsync(cache.blobs.openPartial(descriptor), { instanceOf: StoreError })).fault

test('room is made before a blob comes in, not after', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  for (const seed of ['a', 'b', 'c', 'd']) await store(cache, makeBlob(chunkLength, seed))
  const partial = await cache.blobs.openPartial(makeBlob(2 * chunkLength, 'next').descriptor)
  t.is(await heldBytes(cache), 2 * chunkLength)
  await partial.close()
})

test('blobs that are being filled count with all that they will take', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  const partial = await cache.blobs.openPartial(makeBlob(3 * chunkLength, 'a').descriptor)
  t.is(await refusedBy(t, cache, makeBlob(2 * chunkLength, 'b').descriptor), 'over-quota')
  await store(cache, makeBlob(chunkLength, 'c'))
  await partial.close()
  await store(cache, makeBlob(4 * chunkLength, 'd'))
})

test('a blob larger than the quota is refused and told of once, and what is there stays', async (t) => {
  const { cache, events } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  const kept = makeBlob(4 * chunkLength, 'kept')
  await store(cache, kept)
  const large = makeBlob(4 * chunkLength + 1, 'large').descriptor
  t.is(await refusedBy(t, cache, large), 'over-quota')
  t.is(await refusedBy(t, cache, large), 'over-quota')
  t.true(await cache.blobs.has(kept.descriptor.digest))
  t.like(events, [{ type: 'not-storing', digest: large.digest, fault: 'over-quota' }])
  t.is(events.length, 1)
})

test('nothing gives way for a blob that would not fit all the same', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  const [read, idle] = [makeBlob(2 * chunkLength, 'read'), makeBlob(2 * chunkLength, 'idle')]
  await store(cache, read)
  await store(cache, idle)
  const reader = await cache.blobs.open(read.descriptor.digest)
  t.is(await refusedBy(t, cache, makeBlob(3 * chunkLength, 'next').descriptor), 'over-quota')
  t.true(await cache.blobs.has(idle.descriptor.digest))
  await reader?.close()
})

test('what a client reads does not give way, and does once it is closed', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 2 * chunkLength } })
  const read = makeBlob(2 * chunkLength, 'read')
  await store(cache, read)
  const reader = await cache.blobs.open(read.descriptor.digest)
  t.is(await refusedBy(t, cache, makeBlob(chunkLength, 'next').descriptor), 'over-quota')
  await reader?.close()
  await store(cache, makeBlob(chunkLength, 'next'))
  t.false(await cache.blobs.has(read.descriptor.digest))
})

test('a partial blob that nobody fills any more gives way too', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  const left = makeBlob(3 * chunkLength, 'left')
  await leavePartial(cache, left, [0, 1])
  await store(cache, makeBlob(3 * chunkLength, 'next'))
  const again = await cache.blobs.openPartial(left.descriptor)
  t.is(again.held.size, 0)
  await again.close()
})

test('a pinned image stays, whatever else comes in', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  const image = makeImage([makeBlob(2 * chunkLength, 'layer')])
  await image.store(cache, 'registry.example/app:1')
  await cache.images.pin(parseImageReference('registry.example/app:1'))
  for (const seed of ['a', 'b', 'c']) await store(cache, makeBlob(chunkLength, seed))
  t.is(await refusedBy(t, cache, makeBlob(3 * chunkLength, 'd').descriptor), 'over-quota')
  for (const { descriptor } of image.blobs) t.true(await cache.blobs.has(descriptor.digest))
  await cache.images.unpin(parseImageReference('registry.example/app:1'))
  await store(cache, makeBlob(4 * chunkLength, 'e'))
})

test('a pin follows its name to what the tag stands for next', async (t) => {
  const { cache } = await bounded(t, { quota: { bytes: 4 * chunkLength } })
  const [before, after] = [
    makeImage([makeBlob(chunkLength, 'old layer')]),
    makeImage([makeBlob(chunkLength, 'new layer')]),
  ]
  await before.store(cache, 'registry.example/app:1')
  await cache.images.pin(parseImageReference('registry.example/app:1'))
  await after.store(cache, 'registry.example/app:1')
  await store(cache, makeBlob(2 * chunkLength, 'a'))
  t.false(await cache.blobs.has(before.layers[0]?.descriptor.digest ?? t.fail()))
  t.true(await cache.blobs.has(after.layers[0]?.descriptor.digest ?? t.fail()))
})

test('a quota in percent is a share of the whole file system', async (t) => {
  const { cache } = await bounded(t, { quota: { percent: 100 } })
  await store(cache, makeBlob(chunkLength))
  const { cache: none } = await bounded(t, { quota: { percent: 0 } })
  t.is(await refusedBy(t, none, makeBlob(1).descriptor), 'over-quota')
})

test('free space that others need is given back', async (t) => {
  const { cache } = await bounded(t, { minFree: { percent: 100 } })
  t.is(await refusedBy(t, cache, makeBlob(1).descriptor), 'disk-full')
  const dataDir = join(await makeDirectory(t), 'data')
  const blob = makeBlob(chunkLength)
  const unbounded = await open(t, dataDir)
  await store(unbounded, blob)
  await unbounded.stop()
  const crowded = await open(t, dataDir, { minFree: { percent: 100 } })
  await until(async () => !(await crowded.blobs.has(blob.descriptor.digest)))
  t.pass()
})

test('only the bytes of the cache count as its own', async (t) => {
  const { cache, dataDir } = await bounded(t, { quota: { bytes: 2 * chunkLength } })
  await writeFile(join(dataDir, 'not-ours'), Buffer.alloc(8 * chunkLength))
  const partial = await cache.blobs.openPartial(makeBlob(2 * chunkLength).descriptor)
  await fill(partial, makeBlob(2 * chunkLength))
  await partial.complete()
  await partial.close()
  t.is(await heldBytes(cache), 2 * chunkLength)
})

test('a smaller quota after a restart makes the cache smaller', async (t) => {
  const { cache, dataDir } = await bounded(t, {})
  for (const seed of ['a', 'b', 'c']) await store(cache, makeBlob(chunkLength, seed))
  await cache.stop()
  const smaller = await open(t, dataDir, { quota: { bytes: chunkLength } })
  await until(async () => (await heldBytes(smaller)) <= chunkLength)
  t.true(await smaller.blobs.has(makeBlob(chunkLength, 'c').descriptor.digest))
})

test('a manifest that was stored tells what it refers to', async (t) => {
  const { cache } = await bounded(t, {})
  const image = makeImage([makeBlob(10, 'layer')])
  await image.store(cache, 'registry.example/app:1')
  const [listed] = await cache.images.list()
  t.like(listed, { name: 'registry.example/app:1', complete: true, mediaType: mediaTypes.ociManifest })
  t.is(
    listed?.held,
    image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  )
})
