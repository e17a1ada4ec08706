import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, InvalidInputError, type StoredBlob, StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { nodeFiles, type OpenFile } from '../dist/file-layer.js'
import { openCacheOn } from '../dist/open-cache.js'
import {
  chunkLength,
  fileOf,
  makeBlob,
  makeCache,
  makeDirectory,
  open,
  store,
  type TestBlob,
} from './fixture.ts'

const blob = makeBlob(6 * chunkLength + 1)

async function openStored(t: ExecutionContext, of: TestBlob = blob) {
  const { cache, dataDir } = await makeCache(t)
  await store(cache, of)
  return { cache, dataDir, stored: present(await cache.blobs.open(of.descriptor.digest)) }
}

function present(stored: StoredBlob | undefined): StoredBlob {
  if (stored === undefined) throw new Error('the blob is not in the cache')
  return stored
}

test('a blob that is not there is undefined', async (t) => {
  const { cache } = await makeCache(t)
  t.is(await cache.blobs.open(blob.descriptor.digest), undefined)
  t.false(await cache.blobs.has(blob.descriptor.digest))
})

test('a digest that would leave the data directory is refused', async (t) => {
  const { cache } = await makeCache(t)
  const digest = 'sha256:../../../../etc/passwd' as Digest
  const malformed = { instanceOf: InvalidInputError, code: 'DIGEST_INVALID' }
  await t.throwsAsync(cache.blobs.openPartial({ ...blob.descriptor, digest }), malformed)
  await t.throwsAsync(cache.blobs.delete(digest), malformed)
  t.is(await cache.blobs.open(digest), undefined)
})

test('a stored blob has the descriptor under which it was filled, and every chunk', async (t) => {
  const { stored } = await openStored(t)
  t.deepEqual(stored.descriptor, blob.descriptor)
  t.true(stored.held.isComplete)
})

test('it has the hash of every chunk, also after a restart', async (t) => {
  const { cache, dataDir } = await openStored(t)
  await cache.stop()
  const stored = present(await (await open(t, dataDir)).blobs.open(blob.descriptor.digest))
  for (let index = 0; index < blob.layout.count; index++) {
    t.deepEqual(Buffer.from(stored.hashOf(index) ?? []), blob.hash(index))
  }
  t.is(stored.hashOf(blob.layout.count), undefined)
})

test('its file lies where an OCI image layout has it', async (t) => {
  const { dataDir } = await openStored(t)
  t.deepEqual(
    await readFile(`${dataDir}/blobs/sha256/${blob.descriptor.digest.slice('sha256:'.length)}`),
    blob.bytes,
  )
})

test('it streams in pieces of at most 1 MiB', async (t) => {
  const { stored } = await openStored(t)
  const pieces = await Array.fromAsync(stored.stream())
  t.true(Buffer.concat(pieces).equals(blob.bytes))
  t.true(pieces.every(({ length }) => length > 0 && length <= 1024 * 1024))
})

for (const [start, end] of [
  [0, 0],
  [0, 1],
  [chunkLength - 1, chunkLength + 1],
  [100, blob.bytes.length],
  [blob.bytes.length, blob.bytes.length],
] as const) {
  test(`it streams and reads the bytes ${start} to ${end}`, async (t) => {
    const { stored } = await openStored(t)
    const expected = blob.bytes.subarray(start, end)
    t.true(Buffer.concat(await Array.fromAsync(stored.stream({ start, end }))).equals(expected))
    t.true(Buffer.from(await stored.readAt({ start, end })).equals(expected))
  })
}

test('a range past the end is refused', async (t) => {
  const { stored } = await openStored(t)
  const range = { start: 0, end: blob.bytes.length + 1 }
  await t.throwsAsync(stored.readAt(range), { instanceOf: InvalidInputError })
  await t.throwsAsync(Array.fromAsync(stored.stream(range)), { instanceOf: InvalidInputError })
})

test('a stream reads only a little ahead of its reader', async (t) => {
  const long = makeBlob(12 * chunkLength)
  const { stored, dataDir } = await openStored(t, long)
  const stream = stored.stream()[Symbol.asyncIterator]()
  await stream.next()
  await truncate(fileOf(dataDir, 'blobs', long), 6 * chunkLength) // had it read on, it would not notice
  const error = await t.throwsAsync(
    async () => {
      while (!(await stream.next()).done);
    },
    { instanceOf: StoreError },
  )
  t.is(error.fault, 'damaged')
})

test('while a reader is busy with a piece, the next is read: a slow disk and a slow reader do not add up', async (t) => {
  const long = makeBlob(16 * chunkLength)
  const reads: number[] = []
  const open = async (path: string, flags: number): Promise<OpenFile> => {
    const file = await nodeFiles.open(path, flags)
    const read = file.read.bind(file) as (...args: unknown[]) => unknown
    return Object.assign(file, {
      read: (...args: unknown[]) => {
        reads.push(Number(args[3]))
        return read(...args)
      },
    })
  }
  const cache = await openCacheOn({ ...nodeFiles, open }, { dataDir: join(await makeDirectory(t), 'data') })
  t.teardown(() => cache.stop())
  await store(cache, long)
  reads.length = 0
  const stored = present(await cache.blobs.open(long.descriptor.digest))
  const stream = stored.stream(undefined, { borrow: true })[Symbol.asyncIterator]()
  const MiB = 1024 * 1024
  await stream.next()
  t.deepEqual(reads, [0, MiB])
  await stream.next()
  t.deepEqual(reads, [0, MiB, 2 * MiB])
  await stream.return?.(undefined)
})

test('an abort ends a stream', async (t) => {
  const { stored } = await openStored(t)
  const abort = new AbortController()
  const stream = stored.stream(undefined, { signal: abort.signal })[Symbol.asyncIterator]()
  await stream.next()
  abort.abort(new Error('enough'))
  await t.throwsAsync(
    async () => {
      while (!(await stream.next()).done);
    },
    { message: 'enough' },
  )
})

test('a stream that its reader leaves can be had again', async (t) => {
  const { stored } = await openStored(t)
  for await (const piece of stored.stream()) {
    t.is(piece.length, 1024 * 1024)
    break
  }
  t.true(Buffer.concat(await Array.fromAsync(stored.stream())).equals(blob.bytes))
})

test('a reader that borrows gets the same bytes, from memory that is used again', async (t) => {
  const long = makeBlob(40 * chunkLength + 1)
  const { stored } = await openStored(t, long)
  const memory = new Set<ArrayBufferLike>()
  let position = chunkLength + 7
  for await (const piece of stored.stream({ start: position, end: long.bytes.length }, { borrow: true })) {
    memory.add(piece.buffer)
    t.true(long.bytes.subarray(position, position + piece.length).equals(piece))
    position += piece.length
  }
  t.is(position, long.bytes.length)
  t.is(memory.size, 2)
})

test('a bit that flipped is found by a reader that borrows, too', async (t) => {
  const { stored, dataDir } = await openStored(t)
  const damaged = Buffer.from(blob.bytes)
  damaged[5 * chunkLength] = (damaged[5 * chunkLength] ?? 0) ^ 1
  await writeFile(fileOf(dataDir, 'blobs', blob), damaged)
  const good: number[] = []
  const error = await t.throwsAsync(
    async () => {
      for await (const piece of stored.stream(undefined, { borrow: true })) good.push(piece.length)
    },
    { instanceOf: StoreError },
  )
  t.is(error.fault, 'damaged')
  t.deepEqual(good, [4 * chunkLength])
})

test('what a stream gave stays as it is, unless its reader borrows', async (t) => {
  const { stored } = await openStored(t)
  const pieces = await Array.fromAsync(stored.stream())
  t.is(new Set(pieces.map(({ buffer }) => buffer)).size, pieces.length)
})

test('what is read stays as it is when more is read', async (t) => {
  const { stored } = await openStored(t)
  const first = await stored.readAt(blob.layout.rangeOf(0))
  await stored.readAt(blob.layout.rangeOf(1))
  t.true(Buffer.from(first).equals(blob.chunk(0)))
})

test('an open blob stays readable after it was deleted', async (t) => {
  const { cache, stored } = await openStored(t)
  await cache.blobs.delete(blob.descriptor.digest)
  t.is(await cache.blobs.open(blob.descriptor.digest), undefined)
  t.true(Buffer.concat(await Array.fromAsync(stored.stream())).equals(blob.bytes))
})

test('a closed blob can not be read, and close can be repeated', async (t) => {
  const { stored } = await openStored(t)
  await stored.close()
  await stored.close()
  for (const attempt of [() => stored.readAt({ start: 0, end: 1 }), () => Array.fromAsync(stored.stream())]) {
    const error = await t.throwsAsync<StoreError>(attempt, { instanceOf: StoreError })
    t.is(error.fault, 'closed')
  }
})

test('a file cut short while it is open is an error, never fewer bytes', async (t) => {
  const { stored, dataDir } = await openStored(t)
  await truncate(fileOf(dataDir, 'blobs', blob), chunkLength)
  const error = await t.throwsAsync(stored.readAt({ start: chunkLength - 1, end: chunkLength + 1 }), {
    instanceOf: StoreError,
  })
  t.is(error.fault, 'damaged')
})

test('a bit that the disk changed is found on the way out', async (t) => {
  const { stored, dataDir } = await openStored(t)
  const changed = Buffer.from(blob.bytes)
  changed.writeUInt8(changed.readUInt8(10) ^ 1, 10)
  await writeFile(fileOf(dataDir, 'blobs', blob), changed)
  const error = await t.throwsAsync(stored.readAt({ start: 0, end: 1 }), { instanceOf: StoreError })
  t.is(error.fault, 'damaged')
  t.regex(error.message, /bytes from 0 on/)
  t.deepEqual(Buffer.from(await stored.readAt(blob.layout.rangeOf(1))), blob.chunk(1))
})

test('an empty blob streams nothing', async (t) => {
  const { stored } = await openStored(t, makeBlob(0))
  t.deepEqual(await Array.fromAsync(stored.stream()), [])
})
