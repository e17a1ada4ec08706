import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DigestMismatchError, InvalidInputError, StoreError } from '@shoal/content'
import test from 'ava'
import { type FileLayer, nodeFiles } from '../dist/file-layer.js'
import { openCacheOn } from '../dist/open-cache.js'
import {
  chunkLength,
  count,
  fileOf,
  fill,
  load,
  makeBlob,
  makeCache,
  makeDirectory,
  sha256,
} from './fixture.ts'

const blob = makeBlob(5 * chunkLength + 77)

test('a chunk that was written can be read, and its hash is known', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await partial.write(5, blob.chunk(5), blob.hash(5))
  t.deepEqual([...partial.held], [5])
  t.true(Buffer.from(await partial.readAt(blob.layout.rangeOf(5))).equals(blob.chunk(5)))
  t.deepEqual(Buffer.from(partial.hashOf(5) ?? []), blob.hash(5))
  t.is(partial.hashOf(4), undefined)
})

test('a range over several held chunks is read in one piece', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, [1, 2, 3])
  const range = { start: chunkLength + 10, end: 4 * chunkLength - 10 }
  t.true(Buffer.from(await partial.readAt(range)).equals(blob.bytes.subarray(range.start, range.end)))
})

test('that the digest is right is told before the disk has it all', async (t) => {
  const disk = Promise.withResolvers<void>()
  const slow: FileLayer = {
    ...nodeFiles,
    async open(path, flags) {
      const handle = await nodeFiles.open(path, flags)
      return Object.assign(handle, { datasync: () => disk.promise })
    },
  }
  const cache = await openCacheOn(slow, { dataDir: join(await makeDirectory(t), 'data') })
  t.teardown(() => cache.stop())
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  const { promise: verified, resolve: onVerified } = Promise.withResolvers<void>()
  const completing = partial.complete({ onVerified })
  await verified
  t.false(await cache.blobs.has(blob.descriptor.digest))
  disk.resolve()
  await completing
  t.true(await cache.blobs.has(blob.descriptor.digest))
})

test('wrong bytes are not told to be right', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const other = makeBlob(blob.bytes.length, 'b')
  await fill(partial, other)
  const onVerified = () => t.fail()
  await t.throwsAsync(partial.complete({ onVerified }), { instanceOf: DigestMismatchError })
})

test('a range that touches a chunk not held is refused', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, [1, 2])
  const error = await t.throwsAsync(partial.readAt({ start: chunkLength, end: 3 * chunkLength + 1 }), {
    instanceOf: StoreError,
  })
  t.is(error.fault, 'not-held')
})

for (const range of [
  { start: -1, end: 1 },
  { start: 2, end: 1 },
  { start: 0.5, end: 1 },
  { start: 0, end: blob.bytes.length + 1 },
]) {
  test(`the range ${range.start} to ${range.end} is refused`, async (t) => {
    const { cache } = await makeCache(t)
    const partial = await cache.blobs.openPartial(blob.descriptor)
    await t.throwsAsync(partial.readAt(range), { instanceOf: InvalidInputError, code: 'RANGE_INVALID' })
  })
}

const malformed: [string, number, Buffer, Buffer][] = [
  ['too short a chunk', 0, blob.chunk(0).subarray(1), blob.hash(0)],
  ['a last chunk of full length', 5, blob.chunk(0), blob.hash(0)],
  ['a chunk past the end', 6, blob.chunk(0), blob.hash(0)],
  ['a chunk before the beginning', -1, blob.chunk(0), blob.hash(0)],
  ['a fraction of a chunk', 0.5, blob.chunk(0), blob.hash(0)],
  ['a hash of another length', 0, blob.chunk(0), blob.hash(0).subarray(1)],
]
for (const [what, index, bytes, hash] of malformed) {
  test(`${what} is refused and leaves nothing`, async (t) => {
    const { cache } = await makeCache(t)
    const partial = await cache.blobs.openPartial(blob.descriptor)
    await t.throwsAsync(partial.write(index, bytes, hash), { instanceOf: InvalidInputError })
    t.is(partial.held.size, 0)
  })
}

test('a duplicate does not replace a held chunk', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const other = Buffer.alloc(chunkLength, 1)
  await partial.write(0, blob.chunk(0), blob.hash(0))
  await partial.write(0, other, sha256(other))
  t.true(Buffer.from(await partial.readAt(blob.layout.rangeOf(0))).equals(blob.chunk(0)))
  t.deepEqual(Buffer.from(partial.hashOf(0) ?? []), blob.hash(0))
})

test('of many writers of one chunk at once, the first wins wholly', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const candidates = Array.from({ length: 8 }, (_, value) => Buffer.alloc(chunkLength, value))
  await Promise.all(candidates.map((bytes) => partial.write(0, bytes, sha256(bytes))))
  t.true(candidates[0]?.equals(await partial.readAt(blob.layout.rangeOf(0))))
  t.deepEqual(Buffer.from(partial.hashOf(0) ?? []), sha256(Buffer.alloc(chunkLength, 0)))
})

test('the file has the full size from the start, and takes no space for it', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.blobs.openPartial(blob.descriptor)
  const stats = await stat(fileOf(dataDir, 'partial', blob))
  t.is(stats.size, blob.bytes.length)
  t.is(stats.blocks, 0)
})

test('chunks in any order make a complete blob', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  for (const index of [3, 0, 5, 1, 4, 2]) await partial.write(index, blob.chunk(index), blob.hash(index))
  await partial.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('a sha512 blob completes', async (t) => {
  const { cache } = await makeCache(t)
  const other = makeBlob(2 * chunkLength, 'x', 'sha512')
  const partial = await cache.blobs.openPartial(other.descriptor)
  await fill(partial, other)
  await partial.complete()
  t.true((await load(cache, other))?.equals(other.bytes))
})

test('an empty blob completes', async (t) => {
  const { cache } = await makeCache(t)
  const empty = makeBlob(0)
  const partial = await cache.blobs.openPartial(empty.descriptor)
  t.true(partial.held.isComplete)
  await partial.complete()
  t.true((await load(cache, empty))?.equals(empty.bytes))
})

test('completing with a chunk missing is refused, and filling goes on', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, [0, 1, 2, 4, 5])
  const error = await t.throwsAsync(partial.complete(), { instanceOf: StoreError })
  t.is(error.fault, 'not-held')
  await fill(partial, blob, [3])
  await partial.complete()
  t.true(await cache.blobs.has(blob.descriptor.digest))
})

test('a wrong digest leaves the chunks, and names both digests', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const wrong = Buffer.alloc(chunkLength)
  await partial.write(2, wrong, sha256(wrong))
  await fill(partial, blob, [0, 1, 3, 4, 5])
  const error = await t.throwsAsync(partial.complete(), { instanceOf: DigestMismatchError })
  t.is(error.expected, blob.descriptor.digest)
  t.true(partial.held.isComplete)
  t.false(await cache.blobs.has(blob.descriptor.digest))
})

for (const wrong of [[0], [2], [5], [0, 3, 5]]) {
  test(`the blob completes after the wrong chunks ${wrong} are dropped and written anew`, async (t) => {
    const { cache } = await makeCache(t)
    const partial = await cache.blobs.openPartial(blob.descriptor)
    for (const index of count(blob)) {
      const bytes = wrong.includes(index) ? Buffer.alloc(blob.layout.lengthOf(index)) : blob.chunk(index)
      await partial.write(index, bytes, sha256(bytes))
    }
    await t.throwsAsync(partial.complete(), { instanceOf: DigestMismatchError })
    await partial.drop(wrong)
    t.is(partial.held.size, blob.layout.count - wrong.length)
    await fill(partial, blob, wrong)
    await partial.complete()
    t.true((await load(cache, blob))?.equals(blob.bytes))
  })
}

test('a dropped chunk can not be read', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await partial.drop([1])
  t.is(partial.hashOf(1), undefined)
  const error = await t.throwsAsync(partial.readAt(blob.layout.rangeOf(1)), { instanceOf: StoreError })
  t.is(error.fault, 'not-held')
})

test('a read under way when its chunk is dropped does not return its bytes', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  const reading = partial.readAt(blob.layout.rangeOf(1))
  const dropping = partial.drop([1])
  const error = await t.throwsAsync(reading, { instanceOf: StoreError })
  t.is(error.fault, 'not-held')
  await dropping
})

test('a chunk dropped while it is written is not held', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const writing = partial.write(1, blob.chunk(1), blob.hash(1))
  await partial.drop([1])
  await writing
  t.false(partial.held.has(1))
})

test('a partial blob stays readable after it completed, until it is closed', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await partial.complete()
  t.true(Buffer.from(await partial.readAt(blob.layout.rangeOf(3))).equals(blob.chunk(3)))
})

test('completing twice is the same as once', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await Promise.all([partial.complete(), partial.complete()])
  await partial.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('chunks of a complete blob can not be dropped', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await partial.complete()
  await t.throwsAsync(partial.drop([0]), { instanceOf: StoreError })
  t.true(partial.held.isComplete)
})

test('after close everything is refused as closed, and close can be repeated', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, [0])
  await partial.close()
  await partial.close()
  for (const attempt of [
    () => partial.write(1, blob.chunk(1), blob.hash(1)),
    () => partial.drop([0]),
    () => partial.complete(),
    () => partial.readAt({ start: 0, end: 1 }),
  ]) {
    const error = await t.throwsAsync(attempt, { instanceOf: StoreError })
    t.is(error.fault, 'closed')
  }
})

test('close waits for the writes under way, so that the next owner finds them', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  const confirmed: number[] = []
  const writes = count(blob).map(async (index) => {
    await partial.write(index, blob.chunk(index), blob.hash(index))
    confirmed.push(index)
  })
  await partial.close()
  t.is(confirmed.length, blob.layout.count)
  await Promise.all(writes)
  t.true((await cache.blobs.openPartial(blob.descriptor)).held.isComplete)
})

test('an abort ends complete() and leaves the blob as it was', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob)
  await t.throwsAsync(partial.complete({ signal: AbortSignal.abort(new Error('enough')) }), {
    message: 'enough',
  })
  await partial.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})
