import { mkdir, open as openFile, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseImageReference, StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import type { CacheEvent } from '../dist/index.js'
import {
  chunkLength,
  fileOf,
  load,
  makeBlob,
  makeDirectory,
  makeImage,
  open,
  store,
  type TestBlob,
  until,
} from './fixture.ts'

const blob = makeBlob(3 * chunkLength + 1)
const { digest } = blob.descriptor

/** A content store laid out as containerd's is, and a cache beside it. */
async function start(t: ExecutionContext, below = '') {
  const directory = await makeDirectory(t)
  const root = join(directory, 'containerd')
  const content = join(root, below)
  const pathOf = ({ descriptor }: TestBlob) => join(content, 'blobs', ...descriptor.digest.split(':'))
  await mkdir(dirname(pathOf(blob)), { recursive: true })
  const dataDir = join(directory, 'data')
  const events: CacheEvent[] = []
  const told: string[] = []
  const openCache = async () => {
    const cache = await open(t, dataDir, {
      containerdContent: root,
      onEvent: (event) => events.push(event),
    })
    cache.blobs.onAdded((each) => told.push(`+${each}`))
    cache.blobs.onRemoved((each) => told.push(`-${each}`))
    return cache
  }
  /** As containerd does: written elsewhere, and renamed when it is whole. */
  const put = async (added: TestBlob, bytes = added.bytes) => {
    await writeFile(join(root, 'ingest'), bytes)
    await rename(join(root, 'ingest'), pathOf(added))
  }
  return { dataDir, pathOf, events, told, openCache, put, remove: (gone: TestBlob) => rm(pathOf(gone)) }
}

const ownFiles = async (dataDir: string) =>
  (await readdir(join(dataDir, 'blobs'), { recursive: true })).filter((name) => name.includes('/'))

test('blobs of containerd are found, told of, and served without being copied', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  t.true((await load(cache, blob))?.equals(blob.bytes))
  const stored = await cache.blobs.open(digest)
  t.deepEqual(Buffer.from(stored?.hashOf(2) ?? []), blob.hash(2))
  t.is((await Array.fromAsync(cache.blobs.list()))[0]?.digest, digest)
  t.deepEqual(await ownFiles(lab.dataDir), [])
  t.is(cache.usedBytes(), 0)
  t.deepEqual(lab.told, [`+${digest}`])
})

test("containerd's root will do as well", async (t) => {
  const lab = await start(t, 'io.containerd.content.v1.content')
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  t.pass()
})

test('a blob that containerd pulls later is found, and is gone when containerd removes it', async (t) => {
  const lab = await start(t)
  const cache = await lab.openCache()
  t.false(await cache.blobs.has(digest))
  await lab.put(blob)
  await until(() => cache.blobs.has(digest))
  await lab.remove(blob)
  await until(async () => !(await cache.blobs.has(digest)))
  t.is(await cache.blobs.open(digest), undefined)
  t.deepEqual(lab.told, [`+${digest}`, `-${digest}`])
})

test('a blob is verified once: after a restart it is known at once, and not read', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await cache.stop()
  const again = await lab.openCache()
  t.true(await again.blobs.has(digest))
})

test('a file that was replaced is verified again', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await cache.stop()
  await lab.put(blob, Buffer.alloc(blob.bytes.length))
  const again = await lab.openCache()
  t.false(await again.blobs.has(digest))
  await until(async () => lab.events.length > 0)
  t.like(lab.events, [{ type: 'damaged', digest }])
})

test('what does not have its digest is not served, and told of once', async (t) => {
  const lab = await start(t)
  await lab.put(blob, Buffer.from('something else'))
  const cache = await lab.openCache()
  await until(async () => lab.events.length > 0)
  await lab.put(makeBlob(5, 'other'))
  await until(() => cache.blobs.has(makeBlob(5, 'other').descriptor.digest))
  t.false(await cache.blobs.has(digest))
  t.is(lab.events.length, 1)
})

test('damage after the verification is found on the way out', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  const file = await openFile(lab.pathOf(blob), 'r+')
  await file.write(Buffer.from('damage'), 0, 6, 2 * chunkLength)
  await file.close()
  const error = await t.throwsAsync(load(cache, blob), { instanceOf: StoreError })
  t.is(error.fault, 'damaged')
  await until(async () => !(await cache.blobs.has(digest)))
  t.deepEqual(lab.told, [`+${digest}`, `-${digest}`])
})

test('a second copy goes as soon as containerd has the blob, and discovery hears nothing', async (t) => {
  const lab = await start(t)
  const cache = await lab.openCache()
  await store(cache, blob)
  t.is((await ownFiles(lab.dataDir)).length, 1)
  await lab.put(blob)
  await until(async () => (await ownFiles(lab.dataDir)).length === 0)
  t.true((await load(cache, blob))?.equals(blob.bytes))
  t.deepEqual(lab.told, [])
})

test('what is being read keeps its copy', async (t) => {
  const lab = await start(t)
  const cache = await lab.openCache()
  await store(cache, blob)
  const reader = await cache.blobs.open(digest)
  await lab.put(blob)
  await lab.put(makeBlob(5, 'other'))
  await until(() => cache.blobs.has(makeBlob(5, 'other').descriptor.digest))
  t.is((await ownFiles(lab.dataDir)).length, 1)
  await reader?.close()
})

test('a pinned image is taken in by a link, and stays when containerd removes it', async (t) => {
  const lab = await start(t)
  const image = makeImage([blob])
  for (const each of image.blobs) await lab.put(each)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await cache.metadata.putTag({ registry: 'registry.test', name: 'app' }, '1', {
    descriptor: image.manifest.descriptor,
    resolvedAt: 1,
    isPublic: true,
  })
  t.like(await cache.images.list(), [{ name: 'registry.test/app:1' }])
  await cache.images.pin(parseImageReference('registry.test/app:1'))
  await cache.stop()
  const again = await lab.openCache()
  await until(async () => (await ownFiles(lab.dataDir)).length === 3)
  const [own, theirs] = [await stat(fileOf(lab.dataDir, 'blobs', blob)), await stat(lab.pathOf(blob))]
  // A clone has its own inode, and the same blocks; where the file system can't, it is a hard link.
  t.true(own.ino === theirs.ino || own.nlink === 1)
  for (const each of image.blobs) await lab.remove(each)
  t.true((await load(again, blob))?.equals(blob.bytes))
  t.deepEqual(
    lab.told.filter((line) => line.startsWith('-')),
    [],
  )
})

test('nothing of containerd is ever changed', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await cache.blobs.delete(digest)
  await cache.images.collect()
  await cache.stop()
  t.true((await readFile(lab.pathOf(blob))).equals(blob.bytes))
})

test('a content store that is not there yet is no error', async (t) => {
  const directory = await makeDirectory(t)
  const events: CacheEvent[] = []
  const cache = await open(t, join(directory, 'data'), {
    containerdContent: join(directory, 'none'),
    onEvent: (event) => events.push(event),
  })
  await store(cache, blob)
  t.true((await load(cache, blob))?.equals(blob.bytes))
  t.deepEqual(events, [])
})
