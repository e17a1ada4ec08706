import { hash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BlobStore, type Digest, digestFromHash } from '@shoal/content'
import test from 'ava'
import { chooseEvictions } from '../dist/evict.js'
import { openCache } from '../dist/index.js'

const digest = (n: number): Digest => digestFromHash('sha256', new Uint8Array(32).fill(n))
const blob = (n: number, lastUsedAt: number | undefined, isOpen = false) => ({
  digest: digest(n),
  size: 10,
  lastUsedAt,
  isOpen,
})

test('the least recently used blobs give way, and no more than need be', (t) => {
  t.deepEqual(chooseEvictions([blob(1, 30), blob(2, 10), blob(3, 20)], 20), [digest(2)])
  t.deepEqual(chooseEvictions([blob(1, 30), blob(2, undefined), blob(3, 20)], 15), [digest(2), digest(3)])
})

test('a blob that is open stays', (t) => {
  t.deepEqual(chooseEvictions([blob(1, 10, true), blob(2, 20)], 0), [digest(2)])
})

test('nothing gives way within the quota', (t) => {
  t.deepEqual(chooseEvictions([blob(1, 10), blob(2, 20)], 20), [])
})

/** Stores a blob of 100,000 random bytes. */
async function store(blobs: BlobStore): Promise<Digest> {
  const bytes = randomBytes(100_000)
  const sha256 = hash('sha256', bytes, 'buffer')
  const stored = digestFromHash('sha256', sha256)
  const partial = await blobs.openPartial({
    digest: stored,
    size: bytes.length,
    mediaType: 'application/test',
  })
  await partial.write(0, bytes, sha256)
  await partial.complete()
  await partial.close()
  return stored
}

test('a store over its quota lets go of what was used longest ago', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shoal-evict-'))
  let now = 1_000
  const cache = await openCache({ dataDir, quotaBytes: 250_000, now: () => now++ })
  t.teardown(() => rm(dataDir, { recursive: true }))
  const first = await store(cache.blobs)
  const second = await store(cache.blobs)
  await (await cache.blobs.open(first))?.close()
  const third = await store(cache.blobs)
  while (await cache.blobs.has(second)) await new Promise((resolve) => setImmediate(resolve))
  t.true(await cache.blobs.has(first))
  t.true(await cache.blobs.has(third))
  await cache.stop()
})

test('whoever listens hears of what is evicted, deleted or found damaged, and of nothing else', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shoal-evict-'))
  let now = 1_000
  const cache = await openCache({ dataDir, quotaBytes: 250_000, now: () => now++ })
  t.teardown(() => rm(dataDir, { recursive: true }))
  const removed: Digest[] = []
  const unsubscribe = cache.blobs.onRemoved((digest) => removed.push(digest))
  const [first, second, third] = [
    await store(cache.blobs),
    await store(cache.blobs),
    await store(cache.blobs),
  ]
  while (await cache.blobs.has(first)) await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(removed, [first])
  await cache.blobs.delete(second)
  await cache.blobs.delete(second)
  t.deepEqual(removed, [first, second])
  const [algorithm = '', hex = ''] = third.split(':')
  await rm(join(dataDir, 'blobs', algorithm, hex))
  t.is(await cache.blobs.open(third), undefined)
  t.deepEqual(removed, [first, second, third])
  unsubscribe()
  await cache.blobs.delete(await store(cache.blobs))
  t.is(removed.length, 3)
  await cache.stop()
})

test('blobs are listed by their last use, the latest first', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shoal-evict-'))
  let now = 1_000
  const cache = await openCache({ dataDir, now: () => now++ })
  t.teardown(() => rm(dataDir, { recursive: true }))
  const stored = [await store(cache.blobs), await store(cache.blobs), await store(cache.blobs)]
  await (await cache.blobs.open(stored[0] as Digest))?.close()
  const listed = await Array.fromAsync(cache.blobs.list())
  t.deepEqual(
    listed.map(({ digest }) => digest),
    [stored[0], stored[2], stored[1]] as Digest[],
  )
  await cache.stop()
})
