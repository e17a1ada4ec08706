import { readdir, truncate } from 'node:fs/promises'
import { InvalidInputError } from '@shoal/content'
import test from 'ava'
import { chunkLength, count, fileOf, fill, leavePartial, load, makeBlob, makeCache, open } from './fixture.ts'

const blob = makeBlob(5 * chunkLength + 77)

test('another owner finds the chunks, and the hashes of them', async (t) => {
  const { cache } = await makeCache(t)
  await leavePartial(cache, blob, [1, 5])
  const partial = await cache.blobs.openPartial(blob.descriptor)
  t.deepEqual([...partial.held], [1, 5])
  t.deepEqual(Buffer.from(partial.hashOf(5) ?? []), blob.hash(5))
  await fill(partial, blob)
  await partial.complete()
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('a dropped chunk stays dropped for the next owner', async (t) => {
  const { cache } = await makeCache(t)
  const partial = await cache.blobs.openPartial(blob.descriptor)
  await fill(partial, blob, [0, 1, 2])
  await partial.drop([1])
  await partial.close()
  t.deepEqual([...(await cache.blobs.openPartial(blob.descriptor)).held], [0, 2])
})

test('bytes that changed under their mark are not held any more', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await leavePartial(cache, blob, count(blob))
  await cache.stop()
  const file = fileOf(dataDir, 'partial', blob)
  await truncate(file, 2 * chunkLength + 1) // what a power loss does to a file: chunk 2 on reads as zeros
  const partial = await (await open(t, dataDir)).blobs.openPartial(blob.descriptor)
  t.deepEqual([...partial.held], [0, 1])
  await fill(partial, blob)
  await partial.complete()
})

for (const size of [-1, 1.5, 2 ** 43]) {
  test(`a blob of ${size} bytes is refused, and leaves nothing`, async (t) => {
    const { cache, dataDir } = await makeCache(t)
    const opening = cache.blobs.openPartial({ ...blob.descriptor, size })
    await t.throwsAsync(opening, { instanceOf: InvalidInputError, code: 'SIZE_INVALID' })
    t.deepEqual(await readdir(`${dataDir}/partial/sha256`), [])
    await t.notThrowsAsync(cache.blobs.openPartial(blob.descriptor))
  })
}

test('a leftover of another size is discarded', async (t) => {
  const { cache } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1])
  const shorter = { ...blob.descriptor, size: 2 * chunkLength }
  const partial = await cache.blobs.openPartial(shorter)
  t.is(partial.layout.count, 2)
  t.is(partial.held.size, 0)
  await partial.close()
  t.is((await cache.blobs.openPartial(blob.descriptor)).held.size, 0)
})
