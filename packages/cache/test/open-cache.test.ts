import { mkdir, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { openCache } from '../dist/index.js'
import { bytesRow } from '../dist/row.js'
import {
  changeIndex,
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
} from './fixture.ts'

const blob = makeBlob(chunkLength + 1)

/** The error must be one that a person can act on: one line that names the directory. */
async function refused(t: ExecutionContext, dataDir: string): Promise<StoreError> {
  const error = await t.throwsAsync(openCache({ dataDir }), { instanceOf: StoreError })
  t.true(error.message.includes(dataDir), error.message)
  t.false(error.message.includes('\n'), error.message)
  return error
}

test('a data directory is created, with those above it', async (t) => {
  const dataDir = join(await makeDirectory(t), 'some', 'where', 'deep')
  await open(t, dataDir)
  t.deepEqual((await readdir(dataDir)).toSorted(), ['blobs', 'index', 'partial', 'uploads'])
})

test('a data directory that exists is used', async (t) => {
  const dataDir = await makeDirectory(t)
  await writeFile(join(dataDir, 'lost+found'), '')
  await open(t, dataDir)
  t.true((await readdir(dataDir)).includes('lost+found'))
})

test('nothing is to be recovered after a clean stop', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  await leavePartial(cache, makeBlob(chunkLength, 'b'), [0])
  await cache.stop()
  t.deepEqual((await open(t, dataDir)).recovery, { adopted: [], removed: [], indexRebuilt: false })
})

test('a file is no data directory', async (t) => {
  const dataDir = join(await makeDirectory(t), 'file')
  await writeFile(dataDir, '')
  t.is((await refused(t, dataDir)).fault, 'not-writable')
})

test('nor is a path below a file', async (t) => {
  const file = join(await makeDirectory(t), 'file')
  await writeFile(file, '')
  t.is((await refused(t, join(file, 'data'))).fault, 'not-writable')
})

test('nor is a path where nobody can create a directory', async (t) => {
  t.is((await refused(t, '/proc/shoal/data')).fault, 'not-writable')
})

test('nor is a link that leads nowhere', async (t) => {
  const dataDir = join(await makeDirectory(t), 'link')
  await symlink('/proc/shoal/data', dataDir)
  t.is((await refused(t, dataDir)).fault, 'not-writable')
})

test('a directory of the store that is a file is refused', async (t) => {
  const dataDir = await makeDirectory(t)
  await mkdir(join(dataDir, 'blobs'))
  await writeFile(join(dataDir, 'blobs', 'sha256'), '')
  t.is((await refused(t, dataDir)).fault, 'not-writable')
})

test('a data directory belongs to one cache at a time', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const error = await refused(t, dataDir)
  t.is(error.fault, 'in-use')
  t.regex(error.message, /in use by another process/)
  await cache.stop()
  await t.notThrowsAsync(open(t, dataDir))
})

test('a data directory of a newer version is refused, and nothing stays open', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.stop()
  await changeIndex(dataDir, (db) => db.put('meta!version', bytesRow.encode(Buffer.from('7'))))
  const error = await refused(t, dataDir)
  t.regex(error.message, /written by a newer Shoal \(version 7/)
  t.deepEqual(await openFilesBelow(dataDir), [])
})

test('an index that is damaged beyond reading is made anew from the blobs', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, blob)
  await leavePartial(cache, makeBlob(chunkLength, 'b'), [0])
  await cache.stop()
  for (const name of await readdir(join(dataDir, 'index'))) {
    if (name.startsWith('MANIFEST')) await writeFile(join(dataDir, 'index', name), Buffer.alloc(1000, 7))
  }
  const reopened = await open(t, dataDir)
  t.deepEqual(reopened.recovery, {
    adopted: [blob.descriptor.digest],
    removed: [makeBlob(chunkLength, 'b').descriptor.digest],
    indexRebuilt: true,
  })
  t.true((await load(reopened, blob))?.equals(blob.bytes))
})

const damages: [string, (path: string) => Promise<unknown>][] = [
  ['overwritten', async (path) => writeFile(path, Buffer.alloc((await stat(path)).size, 7))],
  ['cut in half', async (path) => truncate(path, Math.floor((await stat(path)).size / 2))],
  ['emptied', (path) => truncate(path, 0)],
  ['deleted', (path) => rm(path)],
]
for (const [how, damage] of damages) {
  for (const part of ['CURRENT', 'MANIFEST', '.ldb', '.log']) {
    test(`an index of which a ${part} file is ${how} costs no complete blob`, async (t) => {
      const { cache, dataDir } = await makeCache(t)
      await store(cache, blob)
      await cache.stop()
      await (await openCache({ dataDir })).stop() // makes a table of the log
      const late = makeBlob(3, 'late')
      const again = await openCache({ dataDir })
      await store(again, late)
      await again.stop()
      for (const name of await readdir(join(dataDir, 'index'))) {
        if (name.includes(part)) await damage(join(dataDir, 'index', name))
      }
      const reopened = await open(t, dataDir)
      t.true((await load(reopened, blob))?.equals(blob.bytes))
      t.true((await load(reopened, late))?.equals(late.bytes))
    })
  }
}

test('a missing index is made anew from the blobs', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const image = makeImage([blob])
  await image.store(cache, 'registry.example/app:1')
  await cache.stop()
  await rm(join(dataDir, 'index'), { recursive: true })
  const reopened = await open(t, dataDir)
  t.is(reopened.recovery.adopted.length, 3)
  t.like(await reopened.images.list(), [
    { name: undefined, digest: image.manifest.descriptor.digest, complete: true },
  ])
})

test('an index that may not be read is left alone', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.stop()
  await rm(join(dataDir, 'index'), { recursive: true })
  await writeFile(join(dataDir, 'index'), '')
  t.is((await refused(t, dataDir)).fault, 'not-writable')
})

test('an opening can be aborted', async (t) => {
  const dataDir = await makeDirectory(t)
  const signal = AbortSignal.abort(new Error('enough'))
  await t.throwsAsync(openCache({ dataDir, signal }), { message: 'enough' })
})
