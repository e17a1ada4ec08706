import { open as openFile, rm, truncate } from 'node:fs/promises'
import { StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import type { CacheEvent } from '../dist/index.js'
import { chunkLength, fileOf, fill, load, makeBlob, makeDirectory, open, store, until } from './fixture.ts'

const blob = makeBlob(5 * chunkLength + 9)
const { digest } = blob.descriptor

async function storing(t: ExecutionContext) {
  const dataDir = await makeDirectory(t)
  const events: CacheEvent[] = []
  const cache = await open(t, dataDir, { onEvent: (event) => events.push(event) })
  await store(cache, blob)
  const removed: string[] = []
  cache.blobs.onRemoved((each) => removed.push(each))
  return { cache, dataDir, path: fileOf(dataDir, 'blobs', blob), events, removed }
}

/** Changes one bit. */
async function flip(path: string, position: number): Promise<void> {
  const file = await openFile(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, position)
  byte.writeUInt8(byte.readUInt8() ^ 4)
  await file.write(byte, 0, 1, position)
  await file.close()
}

const damages: [string, (path: string) => Promise<void>, missing: number[]][] = [
  ['a flipped bit', (path) => flip(path, 2 * chunkLength + 5), [2]],
  ['a file cut short', (path) => truncate(path, 4 * chunkLength + 1), [4, 5]],
]
for (const [what, damage, missing] of damages) {
  test(`${what} is found on the way out and told of, and only that is to be fetched again`, async (t) => {
    const { cache, path, events, removed } = await storing(t)
    const reader = await cache.blobs.open(digest)
    await damage(path)
    const error = await t.throwsAsync(Array.fromAsync(reader?.stream() ?? []), { instanceOf: StoreError })
    t.is(error.fault, 'damaged')
    t.is(await cache.blobs.open(digest), undefined)
    await reader?.close()
    t.deepEqual(removed, [digest])
    t.like(events, [{ type: 'damaged', digest }])
    const partial = await cache.blobs.openPartial(blob.descriptor)
    t.deepEqual(
      [...Array(blob.layout.count).keys()].filter((index) => !partial.held.has(index)),
      missing,
    )
    await fill(partial, blob)
    await partial.complete()
    t.true((await load(cache, blob))?.equals(blob.bytes))
  })
}

test('a file that is gone is told of', async (t) => {
  const { cache, path, events, removed } = await storing(t)
  await rm(path)
  t.is(await cache.blobs.open(digest), undefined)
  t.deepEqual(removed, [digest])
  t.like(events, [{ type: 'damaged', digest }])
})

test('whoever reads another part of a damaged blob is not disturbed', async (t) => {
  const { cache, path } = await storing(t)
  const [one, other] = [await cache.blobs.open(digest), await cache.blobs.open(digest)]
  await flip(path, 0)
  await t.throwsAsync(async () => one?.readAt({ start: 0, end: 1 }))
  const bytes = await other?.readAt(blob.layout.rangeOf(3))
  t.true(blob.chunk(3).equals(bytes ?? new Uint8Array()))
})

test('verifying reads everything, and finds what nobody has read', async (t) => {
  const { cache, path, events } = await storing(t)
  const whole = makeBlob(10, 'whole')
  await store(cache, whole)
  t.deepEqual(
    (await Array.fromAsync(cache.verify())).filter(({ damage }) => damage !== undefined),
    [],
  )
  await flip(path, blob.bytes.length - 1)
  const found = await Array.fromAsync(cache.verify())
  t.deepEqual(
    found.filter(({ damage }) => damage !== undefined).map((each) => each.digest),
    [digest],
  )
  await until(async () => events.length > 0)
  t.false(await cache.blobs.has(digest))
  t.true(await cache.blobs.has(whole.descriptor.digest))
})

test('a damaged blob whose index forgot the sums is found by its digest', async (t) => {
  const { cache, dataDir, path } = await storing(t)
  await cache.stop()
  await rm(`${dataDir}/index`, { recursive: true })
  await flip(path, 0)
  const again = await open(t, dataDir)
  t.deepEqual(again.recovery.removed, [digest])
  t.is(await again.blobs.open(digest), undefined)
})
