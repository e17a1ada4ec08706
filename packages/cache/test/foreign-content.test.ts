import {
  link,
  mkdir,
  open as openFile,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseImageReference, StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { CacheIndex } from '../dist/cache-index.js'
import { ForeignContent } from '../dist/foreign-content.js'
import type { CacheEvent, CacheInit } from '../dist/index.js'
import {
  changeIndex,
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
  const openCache = async (init: Pick<CacheInit, 'quota'> = {}) => {
    const cache = await open(t, dataDir, {
      ...init,
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
  await damage(lab.pathOf(blob), { keepTime: true })
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
  await image.name(cache, 'registry.test/app:1')
  t.like(await cache.images.list(), [{ name: 'registry.test/app:1' }])
  await cache.images.pin(parseImageReference('registry.test/app:1'))
  await cache.stop()
  const again = await lab.openCache()
  await until(async () => again.usedBytes() === image.size)
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

test('a pinned image that was taken in by a link and is damaged is filled anew beside the other file', async (t) => {
  const lab = await start(t)
  const image = makeImage([blob])
  for (const each of image.blobs) await lab.put(each)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await cache.images.pin(parseImageReference('registry.test/app:1'))
  await image.name(cache, 'registry.test/app:1')
  await cache.stop()
  const again = await lab.openCache()
  await until(async () => again.usedBytes() === image.size)
  const ownPath = fileOf(lab.dataDir, 'blobs', blob)
  await rm(ownPath)
  await link(lab.pathOf(blob), ownPath) // where the file system clones, we want the link all the same
  await damage(lab.pathOf(blob))
  const theirs = await readFile(lab.pathOf(blob))
  await t.throwsAsync(load(again, blob), { instanceOf: StoreError })
  await store(again, blob)
  t.true((await load(again, blob))?.equals(blob.bytes))
  t.true((await readFile(lab.pathOf(blob))).equals(theirs))
  t.is((await stat(ownPath)).nlink, 1)
})

test('a pinned image for which there is no room stays with containerd, and that is told of once a blob', async (t) => {
  const lab = await start(t)
  const image = makeImage([blob])
  for (const each of image.blobs) await lab.put(each)
  const cache = await lab.openCache({ quota: { bytes: 1 } })
  await until(() => cache.blobs.has(digest))
  await image.name(cache, 'registry.test/app:1')
  await cache.images.pin(parseImageReference('registry.test/app:1'))
  await cache.stop()
  lab.events.length = 0
  const again = await lab.openCache({ quota: { bytes: 1 } })
  await until(async () => lab.events.length === image.blobs.length)
  t.deepEqual(new Set(lab.events.map(({ type }) => type)), new Set(['not-storing']))
  t.true((await load(again, blob))?.equals(blob.bytes))
  t.deepEqual(await ownFiles(lab.dataDir), [])
  t.is(again.usedBytes(), 0)
})

test('a reader goes on when containerd removes the blob under it', async (t) => {
  const lab = await start(t)
  const large = makeBlob(20 * chunkLength, 'large')
  await lab.put(large)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(large.descriptor.digest))
  const stored = await cache.blobs.open(large.descriptor.digest)
  const stream = stored?.stream()[Symbol.asyncIterator]()
  const pieces = [(await stream?.next())?.value]
  await lab.remove(large)
  await until(async () => !(await cache.blobs.has(large.descriptor.digest)))
  t.is(await cache.blobs.open(large.descriptor.digest), undefined)
  for (let next = await stream?.next(); next?.done === false; next = await stream?.next())
    pieces.push(next.value)
  t.true(Buffer.concat(pieces).equals(large.bytes))
})

test('a blob that is found damaged can not be had from the moment of the error on', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  const stored = await cache.blobs.open(digest)
  await damage(lab.pathOf(blob), { keepTime: true })
  await t.throwsAsync(Promise.resolve(stored?.readAt({ start: 2 * chunkLength, end: 2 * chunkLength + 1 })))
  t.is(await cache.blobs.open(digest), undefined)
})

test('a file that another one replaced is not served by what was known of the first', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await lab.put(blob, Buffer.alloc(blob.bytes.length))
  t.is(await cache.blobs.open(digest), undefined)
  await lab.remove(blob)
  await lab.put(blob)
  await until(() => cache.blobs.has(digest))
  t.true((await load(cache, blob))?.equals(blob.bytes))
})

test('what containerd removes is told of while much is left to hash', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const cache = await lab.openCache()
  await until(() => cache.blobs.has(digest))
  await cache.stop()
  lab.told.length = 0
  const others = [...Array(24).keys()].map((index) => makeBlob(8 * chunkLength, `other ${index}`))
  for (const other of others) await lab.put(other)
  await lab.openCache()
  await until(async () => lab.told.length > 0)
  await lab.remove(blob)
  await until(async () => lab.told.length === others.length + 1)
  t.true(lab.told.indexOf(`-${digest}`) < others.length)
})

test('what was removed while no cache looked leaves nothing in the index', async (t) => {
  const lab = await start(t)
  const other = makeBlob(5, 'other')
  await lab.put(blob)
  await lab.put(other)
  const cache = await lab.openCache()
  await until(async () => (await cache.blobs.has(digest)) && (await cache.blobs.has(other.descriptor.digest)))
  await cache.stop()
  await lab.remove(blob)
  await (await lab.openCache()).stop()
  const keys: string[] = []
  await changeIndex(lab.dataDir, async (db) => {
    for await (const key of db.keys()) if (key.includes('foreign')) keys.push(key)
  })
  t.is(keys.length, 2)
  t.true(keys.every((key) => key.includes(other.descriptor.digest)))
})

test('a content store that can not be read is told of once, and costs the cache nothing', async (t) => {
  const directory = await makeDirectory(t)
  const events: CacheEvent[] = []
  await mkdir(join(directory, 'containerd', 'blobs'), { recursive: true })
  await writeFile(join(directory, 'containerd', 'blobs', 'sha256'), 'no directory')
  const cache = await open(t, join(directory, 'data'), {
    containerdContent: join(directory, 'containerd'),
    onEvent: (event) => events.push(event),
  })
  await store(cache, blob)
  t.true((await load(cache, blob))?.equals(blob.bytes))
  t.deepEqual(
    events.map(({ type }) => type),
    ['failed'],
  )
})

test('a content store that appears later is found', async (t) => {
  const lab = await start(t)
  await lab.put(blob)
  const index = await CacheIndex.inMemory()
  const root = dirname(dirname(dirname(lab.pathOf(blob))))
  const told: string[] = []
  const foreign = new ForeignContent({
    path: join(root, 'root'),
    index,
    onAdded: (added) => told.push(added),
    onRemoved: () => undefined,
    onEvent: () => undefined,
  })
  await foreign.start()
  t.is(foreign.get(digest), undefined)
  const below = join(root, 'root', 'io.containerd.content.v1.content')
  await mkdir(below, { recursive: true })
  await rename(join(root, 'blobs'), join(below, 'blobs'))
  foreign.scan()
  await until(async () => told.length > 0)
  t.deepEqual(told, [digest])
  await foreign.stop()
  await index.close()
})

/** Changes bytes in place, as a disk does that forgets: with the time that the file had. */
async function damage(path: string, { keepTime = false } = {}): Promise<void> {
  const { mtimeMs } = await stat(path)
  const file = await openFile(path, 'r+')
  await file.write(Buffer.from('damage'), 0, 6, 2 * chunkLength)
  await file.close()
  const seconds = (Math.floor(mtimeMs) + 0.5) / 1000
  if (keepTime) await utimes(path, seconds, seconds)
}

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
