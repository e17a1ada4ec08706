import { hash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BlobStore, type Digest, digestFromHash } from '@shoal/content'
import test from 'ava'
import { chooseEvictions, type EvictionCandidate, excessOf } from '../dist/evict.js'
import { openCache } from '../dist/index.js'

const digest = (n: number): Digest => digestFromHash('sha256', new Uint8Array(32).fill(n))
const candidate = (n: number, lastUsedAt: number) =>
  ({ digest: digest(n), kind: 'blob', bytes: 10, lastUsedAt }) as const
const chosen = (candidates: EvictionCandidate[], bytes: number) =>
  chooseEvictions(candidates, bytes).map((each) => each.digest)

test('the least recently used blobs give way, and no more than need be', (t) => {
  const blobs = [candidate(1, 30), candidate(2, 0), candidate(3, 20)]
  t.deepEqual(chosen(blobs, 10), [digest(2)])
  t.deepEqual(chosen(blobs, 11), [digest(2), digest(3)])
  t.deepEqual(chosen(blobs, 0), [])
  t.is(chosen(blobs, 1000).length, 3)
})

test('the quota counts what is there and what is promised', (t) => {
  const limits = { quota: 100, minFree: 0 }
  t.deepEqual(excessOf({ own: 60, promised: 30, free: 1000 }, limits, 10), { bytes: 0, reason: 'quota' })
  t.deepEqual(excessOf({ own: 60, promised: 30, free: 1000 }, limits, 25), { bytes: 15, reason: 'quota' })
})

test('the file system keeps its minimum free, also of what is promised', (t) => {
  const limits = { quota: 1000, minFree: 50 }
  t.deepEqual(excessOf({ own: 10, promised: 20, free: 60 }, limits), { bytes: 10, reason: 'free-space' })
  t.deepEqual(excessOf({ own: 10, promised: 0, free: 60 }, limits, 30), { bytes: 20, reason: 'free-space' })
  t.true(excessOf({ own: 10, promised: 0, free: 80 }, limits, 30).bytes <= 0)
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
  const cache = await openCache({ dataDir, quota: { bytes: 250_000 }, now: () => now++ })
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
  const cache = await openCache({ dataDir, quota: { bytes: 250_000 }, now: () => now++ })
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
