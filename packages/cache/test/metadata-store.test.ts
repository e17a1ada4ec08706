import type { TagRecord } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { changeIndex, makeBlob, makeCache, open } from './fixture.ts'

const { descriptor, bytes } = makeBlob(100)
const record: TagRecord = { descriptor, resolvedAt: 1_700_000_000_000, isPublic: true }
const repository = { registry: 'localhost:5000', name: 'library/nginx' }

test('a tag is what it was last put to, also after a restart', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.metadata.putTag(repository, 'latest', { ...record, resolvedAt: 1 })
  await cache.metadata.putTag(repository, 'latest', record)
  await cache.stop()
  t.deepEqual(await (await open(t, dataDir)).metadata.getTag(repository, 'latest'), record)
})

test('a tag that was never put is undefined', async (t) => {
  const { cache } = await makeCache(t)
  t.is(await cache.metadata.getTag(repository, 'latest'), undefined)
})

test('tags do not collide, whatever text is in them', async (t) => {
  const { cache } = await makeCache(t)
  const text = fc.oneof(
    fc.constantFrom('', '/', '!', '"', '","', '\\', '\0', 'a', 'a/b', '\ud800', '\ufffd', '\u{10ffff}'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  let round = 0
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(text, text, text), { selector: String, maxLength: 12 }),
      async (names) => {
        const registryOf = (registry: string): string => `${round}/${registry}`
        round++
        for (const [i, [registry, name, tag]] of names.entries()) {
          await cache.metadata.putTag({ registry: registryOf(registry), name }, tag, {
            descriptor,
            resolvedAt: i,
            isPublic: true,
          })
        }
        for (const [i, [registry, name, tag]] of names.entries()) {
          const found = await cache.metadata.getTag({ registry: registryOf(registry), name }, tag)
          if (found?.resolvedAt !== i)
            throw new Error(`${JSON.stringify(names[i])} is ${found?.resolvedAt}, not ${i}`)
        }
      },
    ),
    { numRuns: 40 },
  )
  t.pass()
})

test('parts of a tag that only join to the same text are apart', async (t) => {
  const { cache } = await makeCache(t)
  await cache.metadata.putTag({ registry: 'a', name: 'b/c' }, 'd', record)
  t.is(await cache.metadata.getTag({ registry: 'a/b', name: 'c' }, 'd'), undefined)
  t.is(await cache.metadata.getTag({ registry: 'a', name: 'b' }, 'c/d'), undefined)
})

test('descriptors are kept, also after a restart', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const second = makeBlob(5, 'b', 'sha512').descriptor
  await cache.metadata.putDescriptors([descriptor, second])
  await cache.stop()
  const { metadata } = await open(t, dataDir)
  t.deepEqual(await metadata.getDescriptor(descriptor.digest), descriptor)
  t.deepEqual(await metadata.getDescriptor(second.digest), second)
})

test('a descriptor that was never put is undefined', async (t) => {
  const { cache } = await makeCache(t)
  await cache.metadata.putDescriptors([])
  t.is(await cache.metadata.getDescriptor(descriptor.digest), undefined)
})

test('the metadata of a blob is no blob', async (t) => {
  const { cache } = await makeCache(t)
  await cache.metadata.putDescriptors([descriptor])
  t.false(await cache.blobs.has(descriptor.digest))
})

test('damaged rows count as absent, and can be put again', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  await cache.metadata.putTag(repository, 'latest', record)
  await cache.metadata.putDescriptors([descriptor])
  await cache.stop()
  await changeIndex(dataDir, async (db) => {
    for await (const [key, value] of db.iterator()) {
      if (key.startsWith('meta!')) continue
      await db.put(key, Buffer.from(value).fill(0x7b, 10, 20))
    }
  })
  const { metadata } = await open(t, dataDir)
  t.is(await metadata.getTag(repository, 'latest'), undefined)
  t.is(await metadata.getDescriptor(descriptor.digest), undefined)
  await metadata.putTag(repository, 'latest', record)
  t.deepEqual(await metadata.getTag(repository, 'latest'), record)
})

test('a manifest that was resolved by its digest is named by that, not by a tag', async (t) => {
  const { cache } = await makeCache(t)
  const { digest } = descriptor
  await cache.import({ descriptor, bytes: once(bytes) })
  await cache.metadata.putTag(repository, digest, record)
  await cache.metadata.nameManifest(repository, digest)
  t.deepEqual(
    (await cache.images.list()).map(({ name }) => name),
    [`localhost:5000/library/nginx@${digest}`],
  )
})

test('which registry has a blob, and which one a partial blob comes from, is kept over a restart', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const { digest } = descriptor
  await cache.metadata.recordProof(digest, 'docker.io')
  await cache.metadata.recordPartial(digest, 'docker.io')
  await cache.metadata.recordPartial(digest, 'localhost:5000')
  await cache.stop()
  const { metadata } = await open(t, dataDir)
  t.true(await metadata.isProven(digest, 'docker.io'))
  t.false(await metadata.isProven(digest, 'docker.i'))
  t.is(await metadata.partialOf(digest), 'localhost:5000')
})

test('what was known of blobs that no image refers to is collected with them', async (t) => {
  const { cache } = await makeCache(t)
  const { digest } = descriptor
  await cache.metadata.recordProof(digest, 'docker.io')
  await cache.metadata.putTag(repository, digest, record)
  await cache.images.collect()
  t.false(await cache.metadata.isProven(digest, 'docker.io'))
  t.is(await cache.metadata.getTag(repository, digest), undefined)
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
