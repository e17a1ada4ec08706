/**
 * Lets a cache run into the end of its file system. Exits with 0 when all went as it should.
 *
 * node disk-full.script.ts <directory on a file system of at most 64 MiB> <scenario>
 */
import { deepStrictEqual, fail, ok, rejects, strictEqual } from 'node:assert'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '@shoal/content'
import { type CacheEvent, openCache } from '../dist/index.js'
import { IndexDatabase } from '../dist/index-database.js'
import { chunkLength, fill, load, makeBlob, store } from './fixture.ts'

const [directory = '', scenario = ''] = process.argv.slice(2)
const dataDir = join(directory, 'data')
const ballast = join(directory, 'ballast')
const isDiskFull = (error: unknown): boolean => error instanceof StoreError && error.fault === 'disk-full'

/** Takes all space but `left` bytes. */
async function fillDisk(left: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  await writeFile(ballast, Buffer.alloc(bavail * bsize - left))
}

const scenarios: Record<string, () => Promise<void>> = {
  'file-too-large': async () => {
    const cache = await openCache({ dataDir })
    await rejects(cache.blobs.openPartial(makeBlob(8 * 1024 * 1024).descriptor), isDiskFull)
    const small = makeBlob(1000)
    await store(cache, small)
    deepStrictEqual(await load(cache, small), small.bytes)
    await cache.stop()
  },

  'blobs-full': async () => {
    const blob = makeBlob(40 * chunkLength)
    const kept = makeBlob(chunkLength, 'kept')
    const cache = await openCache({ dataDir })
    await store(cache, kept)
    const read = await cache.blobs.open(kept.descriptor.digest) // so that it can't give way
    const partial = await cache.blobs.openPartial(blob.descriptor)
    await fill(partial, blob, [0, 1])
    await fillDisk(10 * chunkLength)
    await rejects(fill(partial, blob), isDiskFull)
    const written = [...partial.held]
    ok(written.length >= 2 && written.length <= 12, `${written.length} chunks on a disk with room for 12`)
    for (const index of written) {
      deepStrictEqual(Buffer.from(await partial.readAt(blob.layout.rangeOf(index))), blob.chunk(index))
    }
    deepStrictEqual(await load(cache, kept), kept.bytes)
    await read?.close()
    await cache.blobs.delete(kept.descriptor.digest)
    strictEqual(await cache.blobs.has(kept.descriptor.digest), false)
    await rm(ballast)
    await fill(partial, blob)
    await partial.complete()
    await cache.stop()
    const reopened = await openCache({ dataDir })
    deepStrictEqual(reopened.recovery, { adopted: [], removed: [], indexRebuilt: false })
    deepStrictEqual(await load(reopened, blob), blob.bytes)
    await reopened.stop()
  },

  'room-made': async () => {
    const blob = makeBlob(40 * chunkLength)
    const old = makeBlob(64 * chunkLength, 'old')
    const events: string[] = []
    const cache = await openCache({ dataDir, onEvent: ({ type }) => events.push(type) })
    await store(cache, old)
    await fillDisk(20 * chunkLength)
    await store(cache, blob)
    ok(
      events.every((type) => type === 'evicted'),
      events.join(),
    )
    strictEqual(await cache.blobs.has(old.descriptor.digest), false)
    ok((await load(cache, blob))?.equals(blob.bytes))
    await cache.stop()
  },

  'told-once': async () => {
    const events: CacheEvent[] = []
    const cache = await openCache({
      dataDir,
      onEvent: (event) => events.push(event),
      minFree: { percent: 50 },
    })
    await fillDisk(16 * chunkLength)
    for (const seed of ['a', 'b', 'c']) {
      await rejects(cache.blobs.openPartial(makeBlob(chunkLength, seed).descriptor), isDiskFull)
    }
    await rm(ballast)
    await store(cache, makeBlob(chunkLength, 'd'))
    deepStrictEqual(
      events.map(({ type }) => type),
      ['not-storing', 'storing-again'],
    )
    await cache.stop()
  },

  'completion-full': async () => {
    const blob = makeBlob(4 * chunkLength)
    const cache = await openCache({ dataDir })
    const partial = await cache.blobs.openPartial(blob.descriptor)
    await fill(partial, blob)
    await fillDisk(0)
    await exhaustIndex((i) => cache.metadata.putTag({ registry: 'r', name: String(i) }, 't', tagged(blob)))
    await rejects(partial.complete(), isDiskFull)
    strictEqual(await cache.blobs.has(blob.descriptor.digest), false)
    ok(partial.held.isComplete)
    await rm(ballast)
    await partial.complete()
    deepStrictEqual(await load(cache, blob), blob.bytes)
    await cache.stop()
    const reopened = await openCache({ dataDir })
    deepStrictEqual(reopened.recovery, { adopted: [], removed: [], indexRebuilt: false })
    deepStrictEqual(await load(reopened, blob), blob.bytes)
    await reopened.stop()
  },

  'index-full': async () => {
    // Room for some of LevelDB's log, then for its log but not for the table that it makes of it.
    for (const left of [100_000, 6_000_000]) {
      const path = join(directory, `index-${left}`)
      const db = await IndexDatabase.open(path)
      const row = Buffer.alloc(1000).map((_, i) => (i * 2654435761) >>> 7)
      const put = (key: string) => db.commit([{ type: 'put', key, value: row }])
      await fillDisk(left)
      const confirmed = await exhaustIndex((i) => put(`before-${i}`))
      await rejects(put('full'), isDiskFull)
      strictEqual((await db.get('before-0'))?.length, row.length)
      await rm(ballast)
      for (let i = 0; i < 10; i++) await put(`after-${i}`)
      await db.close()
      const reopened = await IndexDatabase.open(path)
      const rows = await Array.fromAsync(reopened.keys('before-'))
      ok(rows.length >= confirmed, `${rows.length} rows of ${confirmed}`)
      strictEqual((await Array.fromAsync(reopened.keys('after-'))).length, 10)
      await reopened.close()
    }
  },
}

/** Writes until the disk is full; the number of writes that went well. */
async function exhaustIndex(write: (i: number) => Promise<void>): Promise<number> {
  for (let i = 0; i < 100_000; i++) {
    const [outcome] = await Promise.allSettled([write(i)])
    if (outcome.status === 'fulfilled') continue
    ok(isDiskFull(outcome.reason), String(outcome.reason))
    return i
  }
  return fail('the disk did not fill')
}

function tagged({ descriptor }: ReturnType<typeof makeBlob>) {
  return { descriptor, resolvedAt: 1, isPublic: true }
}

await (scenarios[scenario] ?? fail(`no scenario ${scenario}`))()
