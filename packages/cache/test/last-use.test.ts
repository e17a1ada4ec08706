import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { CacheIndex } from '../dist/cache-index.js'
import { LastUse } from '../dist/last-use.js'
import { makeBlob, makeCache, makeDirectory, open, store } from './fixture.ts'

const { digest } = makeBlob(1).descriptor
const other = makeBlob(2).descriptor.digest

async function makeIndex(t: ExecutionContext): Promise<CacheIndex> {
  const index = await CacheIndex.open(join(await makeDirectory(t), 'index'))
  t.teardown(() => index.close())
  return index
}

test('a use is known at once, and written only at the end', async (t) => {
  const index = await makeIndex(t)
  const lastUse = new LastUse(index, () => 1000)
  lastUse.touch(digest)
  t.is(await lastUse.get(digest), 1000)
  t.is(await index.uses.get(digest), undefined)
  await lastUse.stop()
  t.is(await index.uses.get(digest), 1000)
})

test('uses are written once a minute when there are any', async (t) => {
  const index = await makeIndex(t)
  let now = 1000
  const lastUse = new LastUse(index, () => now)
  lastUse.touch(digest)
  now += 60_000
  lastUse.touch(other)
  await index.commit([]) // comes after what touch() began
  t.is(await index.uses.get(digest), 1000)
  t.is(await index.uses.get(other), 61_000)
  await lastUse.stop()
})

test('a use of a deleted blob is not written', async (t) => {
  const index = await makeIndex(t)
  const lastUse = new LastUse(index, () => 1000)
  lastUse.touch(digest)
  lastUse.forget(digest)
  await lastUse.stop()
  t.is(await lastUse.get(digest), undefined)
})

test('uses that could not be written do not keep the cache from stopping', async (t) => {
  const index = await makeIndex(t)
  const lastUse = new LastUse(index, () => 1000)
  lastUse.touch(digest)
  await index.close()
  await t.notThrowsAsync(lastUse.stop())
})

test('opening a blob is a use of it', async (t) => {
  const blob = makeBlob(1)
  const dataDir = await makeDirectory(t)
  const cache = await open(t, dataDir, { now: () => 5000 })
  await store(cache, blob)
  await cache.blobs.has(digest)
  await (await cache.blobs.open(digest))?.close()
  await cache.stop()
  const index = await CacheIndex.open(join(dataDir, 'index'))
  t.teardown(() => index.close())
  t.is(await index.uses.get(digest), 5000)
})

test('a blob that was used and deleted leaves nothing', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, makeBlob(1))
  await (await cache.blobs.open(digest))?.close()
  await cache.blobs.delete(digest)
  await cache.stop()
  const index = await CacheIndex.open(join(dataDir, 'index'))
  t.teardown(() => index.close())
  t.is(await index.uses.get(digest), undefined)
})

test('completing a blob is a use: it must not be the first to give way', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, makeBlob(1))
  await cache.stop()
  const index = await CacheIndex.open(join(dataDir, 'index'))
  t.teardown(() => index.close())
  t.not(await index.uses.get(digest), undefined)
})
