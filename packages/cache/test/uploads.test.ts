import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DigestMismatchError, mediaTypes, StoreError } from '@shoal/content'
import test from 'ava'
import type { Cache } from '../dist/index.js'
import {
  blobOf,
  chunkLength,
  leavePartial,
  load,
  makeBlob,
  makeCache,
  makeDirectory,
  makeImage,
  open,
  openFilesBelow,
  store,
  type TestBlob,
} from './fixture.ts'

/** Everything in pieces that keep to no chunk. */
async function upload({ uploads }: Cache, { bytes }: { readonly bytes: Buffer }, pieceBytes = 100_003) {
  const begun = await uploads.begin()
  for (let at = 0; at < bytes.length; at += pieceBytes)
    await begun.append(bytes.subarray(at, at + pieceBytes))
  return begun
}

async function uploadWhole(cache: Cache, blob: TestBlob): Promise<void> {
  await (await upload(cache, blob)).commit(blob.descriptor)
}

const leftIn = (dataDir: string) => readdir(join(dataDir, 'uploads'))

test('an upload becomes a blob once its digest is known, and those who listen are told', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const added: string[] = []
  cache.blobs.onAdded((digest) => added.push(digest))
  const blob = makeBlob(3 * chunkLength + 17)
  const begun = await upload(cache, blob)
  t.is(begun.size, blob.bytes.length)
  t.is(await load(cache, blob), undefined)
  await begun.commit(blob.descriptor)
  t.deepEqual(await load(cache, blob), blob.bytes)
  t.deepEqual(added, [blob.descriptor.digest])
  t.is(cache.usedBytes(), blob.bytes.length)
  t.deepEqual(await leftIn(dataDir), [])
})

test('the blob is there after a restart, with the hashes of its chunks', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const blob = makeBlob(2 * chunkLength + 1, 'a', 'sha512')
  await uploadWhole(cache, blob)
  await cache.stop()
  const again = await open(t, dataDir)
  t.deepEqual(again.recovery.adopted, [])
  const stored = await again.blobs.open(blob.descriptor.digest)
  t.deepEqual(stored?.hashOf(1), blob.hash(1))
  await stored?.close()
})

test('an upload of other bytes is refused, and nothing of it stays', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const blob = makeBlob(chunkLength + 5)
  const bytes = Buffer.from(blob.bytes)
  bytes[chunkLength] = (bytes[chunkLength] ?? 0) ^ 1
  const begun = await upload(cache, { bytes })
  await t.throwsAsync(begun.commit(blob.descriptor), { instanceOf: DigestMismatchError })
  t.is(await load(cache, blob), undefined)
  t.deepEqual(await leftIn(dataDir), [])
  t.is(cache.usedBytes(), 0)
})

test('what is discarded leaves nothing, nor does what a crash left', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await (await upload(cache, makeBlob(chunkLength))).discard()
  t.deepEqual(await leftIn(dataDir), [])
  t.deepEqual(await openFilesBelow(join(dataDir, 'uploads')), [])
  await cache.stop()
  await writeFile(join(dataDir, 'uploads', 'left'), 'some of it')
  await open(t, dataDir)
  t.deepEqual(await leftIn(dataDir), [])
})

test('what a download left of the blob is replaced, and one that runs goes on', async (t) => {
  const { cache } = await makeCache(t)
  const left = makeBlob(3 * chunkLength, 'left')
  await leavePartial(cache, left, [1])
  await uploadWhole(cache, left)
  t.deepEqual(await load(cache, left), left.bytes)
  const running = makeBlob(2 * chunkLength, 'running')
  const partial = await cache.blobs.openPartial(running.descriptor)
  await uploadWhole(cache, running)
  t.is(await load(cache, running), undefined)
  await partial.write(0, running.chunk(0), running.hash(0))
  await partial.close()
})

test('an uploaded manifest is known by what it refers to', async (t) => {
  const { cache } = await makeCache(t)
  const image = makeImage([makeBlob(chunkLength)])
  for (const blob of image.blobs) await uploadWhole(cache, blob)
  t.is((await Array.fromAsync(cache.blobs.list())).length, 3)
  const manifest = blobOf(image.manifest.bytes, mediaTypes.ociManifest)
  t.deepEqual(await load(cache, manifest), image.manifest.bytes)
})

test('blobs give way for an upload, and one larger than the quota is refused', async (t) => {
  const dataDir = join(await makeDirectory(t), 'data')
  const cache = await open(t, dataDir, { quota: { bytes: 4 * chunkLength } })
  for (const seed of ['a', 'b', 'c', 'd']) await store(cache, makeBlob(chunkLength, seed))
  const blob = makeBlob(2 * chunkLength, 'pushed')
  await uploadWhole(cache, blob)
  t.deepEqual(await load(cache, blob), blob.bytes)
  t.true(cache.usedBytes() <= 4 * chunkLength)
  const begun = await cache.uploads.begin()
  const tooMuch = async () => {
    for (let piece = 0; piece < 5; piece++) await begun.append(makeBlob(chunkLength, 'x').bytes)
  }
  t.is((await t.throwsAsync(tooMuch(), { instanceOf: StoreError })).fault, 'over-quota')
  await begun.discard()
  await uploadWhole(cache, makeBlob(3 * chunkLength, 'fits'))
})
