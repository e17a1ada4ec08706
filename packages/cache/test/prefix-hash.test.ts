import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ChunkSet, StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { BlobFile } from '../dist/blob-file.js'
import { PrefixHash } from '../dist/prefix-hash.js'
import { chunkLength, count, makeBlob, makeDirectory, type TestBlob } from './fixture.ts'

const blob = makeBlob(5 * chunkLength + 9)
const never = new AbortController().signal

/** A hash over a file that has all of the blob; chunks count only once they are held. */
async function makeHash(t: ExecutionContext, content: TestBlob = blob, length = content.bytes.length) {
  const path = join(await makeDirectory(t), 'blob')
  await writeFile(path, content.bytes.subarray(0, length))
  const file = new BlobFile(await open(path, 'r'), 'a test file')
  t.teardown(() => file.close())
  const held = new ChunkSet(content.layout.count)
  const algorithm = 'sha256'
  const hash = new PrefixHash({ algorithm, layout: content.layout, held, file })
  t.teardown(() => hash.stop())
  const land = (index: number): void => {
    held.add(index)
    hash.offer(index, content.chunk(index))
  }
  return { hash, held, land, file, path }
}

test('chunks in any order give the digest', async (t) => {
  const indexes = count(blob)
  const order = fc.shuffledSubarray(indexes, { minLength: indexes.length })
  await fc.assert(
    fc.asyncProperty(order, async (shuffled) => {
      const { hash, land } = await makeHash(t)
      for (const index of shuffled) land(index)
      return (await hash.finish(never)) === blob.descriptor.digest
    }),
    { numRuns: 20 },
  )
  t.pass()
})

test('in order, nothing is read from the file', async (t) => {
  const { hash, land } = await makeHash(t, blob, 0)
  for (const index of count(blob)) land(index)
  t.is(await hash.finish(never), blob.descriptor.digest)
})

test('a drop within what was hashed begins anew', async (t) => {
  const { hash, held, land } = await makeHash(t)
  for (const index of [0, 1, 2]) land(index)
  held.delete(1)
  hash.dropped([1])
  for (const index of [1, 3, 4, 5]) land(index)
  t.is(await hash.finish(never), blob.descriptor.digest)
})

test('a drop beyond what was hashed does not', async (t) => {
  const { hash, held, land } = await makeHash(t, blob, 0)
  for (const index of [0, 1, 4]) land(index)
  held.delete(4)
  hash.dropped([4])
  for (const index of [2, 3, 4, 5]) land(index)
  t.is(await hash.finish(never), blob.descriptor.digest)
})

test('a chunk dropped while it is read back is not hashed', async (t) => {
  const { hash, held, land, file, path } = await makeHash(t)
  const wrong = Buffer.from(blob.bytes)
  await writeFile(path, wrong.fill(7, chunkLength, 2 * chunkLength))
  land(1)
  land(0) // starts reading chunk 1 back
  held.delete(1)
  hash.dropped([1])
  await file.read(blob.layout.rangeOf(1)) // takes as long as the other read
  await writeFile(path, blob.bytes)
  for (const index of [1, 2, 3, 4, 5]) land(index)
  t.is(await hash.finish(never), blob.descriptor.digest)
})

test('asking twice gives the same', async (t) => {
  const { hash, land } = await makeHash(t)
  for (const index of count(blob)) land(index)
  await hash.finish(never)
  t.is(await hash.finish(never), blob.descriptor.digest)
})

test('a file that ends early fails the finish, not the process', async (t) => {
  const { hash, land } = await makeHash(t, blob, 0)
  for (const index of count(blob).toReversed()) land(index)
  const error = await t.throwsAsync(hash.finish(never), { instanceOf: StoreError })
  t.is(error.fault, 'unreadable')
})

test('an abort ends the finish, and another may follow', async (t) => {
  const { hash, land } = await makeHash(t)
  for (const index of count(blob).toReversed()) land(index)
  await t.throwsAsync(hash.finish(AbortSignal.abort(new Error('enough'))), { message: 'enough' })
  t.is(await hash.finish(never), blob.descriptor.digest)
})
