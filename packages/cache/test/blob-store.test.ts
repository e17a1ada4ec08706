import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { StoreError } from '@shoal/content'
import test from 'ava'
import {
  chunkLength,
  count,
  fileOf,
  fill,
  leavePartial,
  load,
  makeBlob,
  makeCache,
  openFilesBelow,
  store,
} from './fixture.ts'

const blob = makeBlob(2 * chunkLength + 3)

test('a partial blob is not a complete one', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  t.false(await cache.blobs.has(blob.descriptor.digest))
  t.is(await cache.blobs.open(blob.descriptor.digest), undefined)
  t.deepEqual(await Array.fromAsync(cache.blobs.list()), [])
})

test('every complete blob is listed', async (t) => {
  const { cache } = await makeCache(t)
  const blobs = [blob, makeBlob(0), makeBlob(5, 'b', 'sha512')]
  for (const each of blobs) await store(cache, each)
  await leavePartial(cache, makeBlob(7, 'c'), [0])
  const byDigest = (a: { digest: string }, b: { digest: string }) => a.digest.localeCompare(b.digest)
  t.deepEqual(
    (await Array.fromAsync(cache.blobs.list())).toSorted(byDigest),
    blobs.map(({ descriptor }) => descriptor).toSorted(byDigest),
  )
})

test('an abort ends a listing', async (t) => {
  const { cache } = await makeCache(t)
  await store(cache, blob)
  const signal = AbortSignal.abort(new Error('enough'))
  await t.throwsAsync(Array.fromAsync(cache.blobs.list({ signal })), { message: 'enough' })
})

test('a partial blob has one owner', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const error = await t.throwsAsync(cache.blobs.openPartial(blob.descriptor), { instanceOf: StoreError })
  t.is(error.fault, 'partial-in-use')
  await partial.close()
  await t.notThrowsAsync(cache.blobs.openPartial(blob.descriptor))
})

test('of two who open a partial blob at once, one gets it', async (t) => {
  const { cache } = await makeCache(t)
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => cache.blobs.openPartial(blob.descriptor)))
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('an opening that was aborted leaves the blob to the next', async (t) => {
  const { cache } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1])
  const abort = new AbortController()
  const opening = cache.blobs.openPartial(blob.descriptor, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await t.throwsAsync(opening, { message: 'enough' })
  t.deepEqual([...(await cache.blobs.openPartial(blob.descriptor)).held], [0, 1])
})

test('two partial blobs fill side by side', async (t) => {
  const { cache } = await makeCache(t)
  const other = makeBlob(3 * chunkLength, 'other')
  const [one, two] = await Promise.all([
    cache.blobs.openPartial(blob.descriptor),
    cache.blobs.openPartial(other.descriptor),
  ])
  await Promise.all([fill(one, blob), fill(two, other)])
  await Promise.all([one.complete(), two.complete()])
  t.true((await load(cache, blob))?.equals(blob.bytes))
  t.true((await load(cache, other))?.equals(other.bytes))
})

test('a complete blob can be filled again, and read meanwhile', async (t) => {
  const { cache } = await makeCache(t)
  await store(cache, blob)
  const before = await cache.blobs.open(blob.descriptor.digest)
  await store(cache, blob)
  t.true(Buffer.concat(await Array.fromAsync(before?.stream() ?? [])).equals(blob.bytes))
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('a deleted blob is gone, and can come again', async (t) => {
  const { cache } = await makeCache(t)
  await store(cache, blob)
  await cache.blobs.delete(blob.descriptor.digest)
  t.false(await cache.blobs.has(blob.descriptor.digest))
  t.deepEqual(await Array.fromAsync(cache.blobs.list()), [])
  await store(cache, blob)
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('a blob that was never there can be deleted', async (t) => {
  const { cache } = await makeCache(t)
  await t.notThrowsAsync(cache.blobs.delete(blob.descriptor.digest))
})

test('deleting a blob discards what an earlier owner left of it', async (t) => {
  const { cache } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1])
  await cache.blobs.delete(blob.descriptor.digest)
  t.is((await cache.blobs.openPartial(blob.descriptor)).held.size, 0)
})

test('deleting a blob leaves the owner of its partial blob alone', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, [0])
  await cache.blobs.delete(blob.descriptor.digest)
  await fill(partial, blob)
  await partial.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('after a blob completed and was deleted, another owner may fill it while the first still reads', async (t) => {
  const { cache } = await makeCache(t)
  const first = await cache.blobs.openPartial(blob.descriptor)
  await fill(first, blob)
  await first.complete()
  await cache.blobs.delete(blob.descriptor.digest)
  const second = await cache.blobs.openPartial(blob.descriptor)
  await first.close()
  const error = await t.throwsAsync(cache.blobs.openPartial(blob.descriptor), { instanceOf: StoreError })
  t.is(error.fault, 'partial-in-use')
  await fill(second, blob)
  await second.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

const damages: [string, (file: string) => Promise<unknown>][] = [
  ['is gone', (file) => rm(file)],
  ['was cut short', (file) => truncate(file, 10)],
  ['has bytes appended', (file) => writeFile(file, 'more', { flag: 'a' })],
  ['was replaced by a directory', (file) => rm(file).then(() => mkdir(file))],
]
for (const [what, damage] of damages) {
  test(`a blob whose file ${what} counts as absent, and can come again`, async (t) => {
    const { cache, dataDir } = await makeCache(t)
    await store(cache, blob)
    await damage(fileOf(dataDir, 'blobs', blob))
    t.is(await cache.blobs.open(blob.descriptor.digest), undefined)
    t.false(await cache.blobs.has(blob.descriptor.digest))
    await store(cache, blob)
    t.true((await load(cache, blob))?.equals(blob.bytes))
  })
}

test('stop closes what is open, and what comes after is refused', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  const stored = await cache.blobs.open(blob.descriptor.digest)
  const partial = await cache.blobs.openPartial(makeBlob(chunkLength, 'other').descriptor)
  await cache.stop()
  t.deepEqual(await openFilesBelow(dataDir), [])
  for (const attempt of [
    async () => stored?.readAt({ start: 0, end: 1 }),
    () => partial.readAt({ start: 0, end: 1 }),
    () => cache.blobs.open(blob.descriptor.digest),
    () => cache.blobs.has(blob.descriptor.digest),
    () => cache.blobs.openPartial(blob.descriptor),
    () => cache.blobs.delete(blob.descriptor.digest),
    () => Array.fromAsync(cache.blobs.list()),
    () => cache.metadata.getDescriptor(blob.descriptor.digest),
    () => cache.metadata.putDescriptors([blob.descriptor]),
  ]) {
    const error = await t.throwsAsync<StoreError>(attempt, { instanceOf: StoreError })
    t.is(error.fault, 'closed')
  }
})

test('stop in the middle of work leaves no file open, and loses no confirmed chunk', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const large = makeBlob(40 * chunkLength, 'large')
  const partial = await cache.blobs.openPartial(large.descriptor)
  const writes = count(large).map((index) => partial.write(index, large.chunk(index), large.hash(index)))
  const opening = cache.blobs.openPartial(blob.descriptor)
  const [, ...outcomes] = await Promise.all([
    cache.stop(),
    ...[...writes, opening].map((each) => settled(each)),
  ])
  t.true(
    outcomes.every(
      (error) => error === undefined || (error instanceof StoreError && error.fault === 'closed'),
    ),
  )
  t.deepEqual(await openFilesBelow(dataDir), [])
})

test('stop while blobs are being opened leaves no file open', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  await leavePartial(cache, makeBlob(20 * chunkLength, 'large'), [0, 1, 2, 3, 4, 5, 6, 7])
  const openings = [
    ...Array.from({ length: 100 }, () => cache.blobs.open(blob.descriptor.digest)),
    cache.blobs.openPartial(makeBlob(20 * chunkLength, 'large').descriptor),
  ]
  await openings[0] // so that the others are at every stage
  await Promise.all([cache.stop(), ...openings.map((each) => settled(each))])
  t.deepEqual(await openFilesBelow(dataDir), [])
})

test('stop can be repeated', async (t) => {
  const { cache } = await makeCache(t)
  await Promise.all([cache.stop(), cache.stop()])
  await t.notThrowsAsync(cache.stop())
})

async function settled(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise])
  return outcome.status === 'rejected' ? outcome.reason : undefined
}
