import { copyFile, mkdir, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  changeIndex,
  chunkLength,
  fileOf,
  fill,
  leavePartial,
  load,
  makeBlob,
  makeCache,
  open,
  store,
} from './fixture.ts'

const blob = makeBlob(2 * chunkLength + 5)
const { digest } = blob.descriptor
const other = makeBlob(chunkLength, 'other')

test('a crash after the renaming of a blob costs nothing', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1, 2])
  await cache.stop()
  await rename(fileOf(dataDir, 'partial', blob), fileOf(dataDir, 'blobs', blob))
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery.adopted, [digest])
  t.deepEqual(reopened.recovery.removed, [])
  const stored = await reopened.blobs.open(digest)
  t.deepEqual(stored?.descriptor, blob.descriptor)
  t.deepEqual(Buffer.from(stored?.hashOf(1) ?? []), blob.hash(1))
  await reopened.stop()
  t.deepEqual(await rowsOf(dataDir, 'partial!', 'chunk!'), [])
})

test('a blob that the index does not know is adopted when its content is right', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.stop()
  await writeFile(fileOf(dataDir, 'blobs', blob), blob.bytes)
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery.adopted, [digest])
  t.true((await load(reopened, blob))?.equals(blob.bytes))
})

test('it gets the media type that a manifest stated', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.metadata.putDescriptors([blob.descriptor])
  await cache.stop()
  await writeFile(fileOf(dataDir, 'blobs', blob), blob.bytes)
  const reopened = await open(t, dataDir)
  t.deepEqual(await Array.fromAsync(reopened.blobs.list()), [blob.descriptor])
})

const wrongFiles: [string, (path: string) => Promise<unknown>][] = [
  ['other content', (path) => writeFile(path, Buffer.alloc(blob.bytes.length))],
  ['a part of the content', (path) => writeFile(path, blob.bytes.subarray(1))],
  ['no content', (path) => writeFile(path, '')],
  [
    'more than any blob has',
    async (path) => {
      await writeFile(path, '')
      await truncate(path, 2 ** 42 + 1)
    },
  ],
  ['a directory', (path) => mkdir(path)],
]
for (const [what, create] of wrongFiles) {
  test(`${what} under the name of a blob that the index does not know is removed`, async (t) => {
    const { cache, dataDir } = await makeCache(t)
    await cache.stop()
    await create(fileOf(dataDir, 'blobs', blob))
    const reopened = await open(t, dataDir)
    t.deepEqual(reopened.recovery.removed, [digest])
    t.false(await reopened.blobs.has(digest))
    t.deepEqual(await readdir(join(dataDir, 'blobs', 'sha256')), [])
  })
}

test('a blob whose file is gone is forgotten', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  await cache.stop()
  await rm(fileOf(dataDir, 'blobs', blob))
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery.removed, [digest])
  t.false(await reopened.blobs.has(digest))
  await reopened.stop()
  t.deepEqual(await rowsOf(dataDir, 'blob!', 'hashes!', 'use!'), [])
})

test('a blob whose file has another size is removed', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  await cache.stop()
  await truncate(fileOf(dataDir, 'blobs', blob), 5)
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery.removed, [digest])
  t.false(await reopened.blobs.has(digest))
})

test('a partial blob without a row is removed', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.stop()
  await writeFile(fileOf(dataDir, 'partial', blob), 'garbage')
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery.removed, [digest])
  t.deepEqual(await readdir(join(dataDir, 'partial', 'sha256')), [])
})

test('a partial blob whose file is gone starts anew', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1])
  await cache.stop()
  await rm(fileOf(dataDir, 'partial', blob))
  const reopened = await open(t, dataDir)
  t.is((await reopened.blobs.openPartial(blob.descriptor)).held.size, 0)
})

test('a partial blob whose file is garbage holds nothing, and can be filled', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1])
  await cache.stop()
  await writeFile(fileOf(dataDir, 'partial', blob), Buffer.alloc(10_000_000, 'garbage'))
  const partial = await (await open(t, dataDir)).blobs.openPartial(blob.descriptor)
  t.is(partial.held.size, 0)
  await fill(partial, blob)
  await partial.complete()
  t.is((await stat(fileOf(dataDir, 'blobs', blob))).size, blob.bytes.length)
})

test('chunks marked for a blob that is not partial are forgotten', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await leavePartial(cache, blob, [0, 1])
  await cache.stop()
  await changeIndex(dataDir, (db) => db.del(`partial!${digest}`))
  await (await open(t, dataDir)).stop()
  t.deepEqual(await rowsOf(dataDir, 'chunk!'), [])
})

test('files with other names are left alone, and served to nobody', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.stop()
  const strangers = [
    join(dataDir, 'blobs', 'sha256', 'README'),
    join(dataDir, 'blobs', 'md5'),
    join(dataDir, 'partial', 'sha256', `${'A'.repeat(64)}`),
  ]
  for (const path of strangers) await writeFile(path, 'mine')
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery, { adopted: [], removed: [], indexRebuilt: false })
  for (const path of strangers) t.is((await stat(path)).size, 4)
})

test('a blob renamed to another digest is not served', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, other)
  await cache.stop()
  await copyFile(fileOf(dataDir, 'blobs', other), fileOf(dataDir, 'blobs', blob))
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery.removed, [digest])
  t.true((await load(reopened, other))?.equals(other.bytes))
})

const garbage: [string, Buffer][] = [
  ['is empty', Buffer.alloc(0)],
  ['is too short for a checksum', Buffer.alloc(3)],
  ['is text', Buffer.from('{"size":1}')],
  ['is a megabyte of zeros', Buffer.alloc(1_000_000)],
]
for (const table of ['blob', 'hashes']) {
  for (const [what, value] of garbage) {
    test(`a complete blob survives that its row in ${table} ${what}`, async (t) => {
      const { cache, dataDir } = await makeCache(t)
      await store(cache, blob)
      await cache.stop()
      await changeIndex(dataDir, (db) => db.put(`${table}!${digest}`, value))
      const reopened = await open(t, dataDir)
      t.true((await load(reopened, blob))?.equals(blob.bytes))
      const stored = await reopened.blobs.open(digest)
      t.deepEqual(Buffer.from(stored?.hashOf(2) ?? []), blob.hash(2))
    })
  }
}

test('a blob whose hashes are lost and whose content is wrong is removed when it is opened', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  await cache.stop()
  await changeIndex(dataDir, (db) => db.del(`hashes!${digest}`))
  await writeFile(fileOf(dataDir, 'blobs', blob), Buffer.alloc(blob.bytes.length))
  const reopened = await open(t, dataDir)
  t.is(await reopened.blobs.open(digest), undefined)
  t.false(await reopened.blobs.has(digest))
})

for (const [what, value] of garbage) {
  test(`a chunk whose mark ${what} is not held, the others are`, async (t) => {
    const { cache, dataDir } = await makeCache(t)
    await leavePartial(cache, blob, [0, 1, 2])
    await cache.stop()
    await changeIndex(dataDir, (db) => db.put(`chunk!${digest}/00000001`, value))
    const partial = await (await open(t, dataDir)).blobs.openPartial(blob.descriptor)
    t.deepEqual([...partial.held], [0, 2])
  })

  test(`a partial blob whose row ${what} starts anew`, async (t) => {
    const { cache, dataDir } = await makeCache(t)
    await leavePartial(cache, blob, [0])
    await cache.stop()
    await changeIndex(dataDir, (db) => db.put(`partial!${digest}`, value))
    const partial = await (await open(t, dataDir)).blobs.openPartial(blob.descriptor)
    t.is(partial.held.size, 0)
  })
}

test('rows under keys that mean nothing do not disturb', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await leavePartial(cache, blob, [1])
  await cache.stop()
  await changeIndex(dataDir, async (db) => {
    const keys = [
      'blob!x',
      'partial!',
      'chunk!x',
      `chunk!${digest}/zzz`,
      `chunk!${digest}/ffffffff`,
      'use!y',
      '\xff',
    ]
    for (const key of keys) await db.put(key, Buffer.from('garbage'))
  })
  const reopened = await open(t, dataDir)
  t.deepEqual([...(await reopened.blobs.openPartial(blob.descriptor)).held], [1])
  t.deepEqual(await Array.fromAsync(reopened.blobs.list()), [])
})

async function rowsOf(dataDir: string, ...prefixes: string[]): Promise<string[]> {
  const keys: string[] = []
  await changeIndex(dataDir, async (db) => {
    for await (const key of db.keys()) if (prefixes.some((prefix) => key.startsWith(prefix))) keys.push(key)
  })
  return keys
}
