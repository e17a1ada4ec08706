import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type BlobStore, type PartialBlob, StoreError, type StoreFault } from '@shoal/content'
import test from 'ava'
import { MemoryOrigin } from '../memory-origin.ts'
import { bytesFrom, newSecret, pull, randomBlob, startNode, startSwarm, stored } from '../swarm-fixture.ts'

const MiB = 1024 * 1024

/** `target` with some of its methods replaced. */
function replacing<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, key) {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key)
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A store whose partial blobs take so many chunks and no more. */
const failingAfter = (chunks: number, fault: StoreFault) => (blobs: BlobStore) =>
  replacing(blobs, {
    async openPartial(descriptor) {
      if (chunks === 0) throw new StoreError(fault, 'the store can not')
      const partial = await blobs.openPartial(descriptor)
      let left = chunks
      const write: PartialBlob['write'] = async (...args) => {
        if (left-- <= 0) throw new StoreError(fault, 'the store can no more')
        await partial.write(...args)
      }
      return replacing(partial, { write })
    },
  })

test('a blob larger than the quota is passed through, and the pull does not fail', async (t) => {
  const origin = new MemoryOrigin()
  const address = origin.add(randomBlob(3 * MiB))
  const node = await startNode(t, { origin, secret: newSecret(), quota: { bytes: MiB } })
  t.is(await pull(node, address), address.digest)
  t.false(await node.blobs.has(address.digest))
  t.is(bytesFrom(node, 'upstream'), 3 * MiB)
  t.deepEqual(
    node.events.filter(({ type }) => type !== 'received').map(({ type }) => type),
    ['completed'],
  )
})

for (const [chunks, fault, what] of [
  [0, 'not-writable', 'a read-only file system'],
  [0, 'partial-in-use', 'a blob that a push brings at the same moment'],
  [3, 'disk-full', 'a disk that is full midway'],
  [3, 'not-writable', 'a file system that becomes read-only midway'],
] as const) {
  test(`a pull passes ${what} by`, async (t) => {
    const origin = new MemoryOrigin(5)
    const address = origin.add(randomBlob(3 * MiB + 5))
    const node = await startNode(t, {
      origin,
      secret: newSecret(),
      wrapBlobs: failingAfter(chunks, fault),
    })
    t.deepEqual(await Promise.all([pull(node, address), pull(node, address)]), [
      address.digest,
      address.digest,
    ])
    t.deepEqual(
      node.events.filter(({ type }) => type === 'failed'),
      [],
    )
  })
}

test('a client gets the last bytes of a blob that proved right, however long the disk takes', async (t) => {
  const origin = new MemoryOrigin()
  const address = origin.add(randomBlob(3 * MiB + 5))
  const disk = Promise.withResolvers<void>()
  const node = await startNode(t, {
    origin,
    secret: newSecret(),
    wrapBlobs: (blobs) =>
      replacing(blobs, {
        async openPartial(descriptor) {
          const partial = await blobs.openPartial(descriptor)
          const complete: PartialBlob['complete'] = async ({ signal, onVerified } = {}) => {
            await partial.complete({ signal })
            onVerified?.()
            await disk.promise
          }
          return replacing(partial, { complete })
        },
      }),
  })
  t.is(await pull(node, address), address.digest)
  t.deepEqual(
    node.events.filter(({ type }) => type === 'completed'),
    [],
  )
  disk.resolve()
})

test('a range of what is passed through is that range', async (t) => {
  const origin = new MemoryOrigin()
  const bytes = randomBlob(2 * MiB)
  const address = origin.add(bytes)
  const node = await startNode(t, { origin, secret: newSecret(), quota: { bytes: MiB } })
  await using content = await node.swarm.content.open(address)
  const read = Buffer.concat(await Array.fromAsync(content.read({ start: 1000, end: MiB + 7 })))
  t.true(read.equals(bytes.subarray(1000, MiB + 7)))
})

test('what is passed through is whole for a reader that borrows, too', async (t) => {
  const origin = new MemoryOrigin()
  const bytes = randomBlob(2 * MiB)
  const address = origin.add(bytes)
  const node = await startNode(t, { origin, secret: newSecret(), quota: { bytes: MiB } })
  await using content = await node.swarm.content.open(address)
  const copies: Uint8Array[] = []
  for await (const piece of content.read(undefined, { borrow: true })) copies.push(Buffer.from(piece))
  t.true(Buffer.concat(copies).equals(bytes))
})

test('wrong bytes that are passed through never come to their end', async (t) => {
  const origin = new MemoryOrigin()
  const address = origin.add(randomBlob(2 * MiB))
  origin.replace(address, randomBlob(2 * MiB))
  const node = await startNode(t, { origin, secret: newSecret(), quota: { bytes: MiB } })
  await t.throwsAsync(pull(node, address), { code: 'DIGEST_MISMATCH' })
})

test('a stored blob that the disk damaged is healed while it is read, of one chunk', async (t) => {
  const origin = new MemoryOrigin()
  const address = origin.add(randomBlob(5 * MiB))
  const [node] = await startSwarm(t, 1, origin)
  if (node === undefined) return t.fail()
  await pull(node, address)
  await stored(node, address)
  const before = origin.bytesSent
  const file = await open(join(node.dataDir, 'blobs', ...address.digest.split(':')), 'r+')
  await file.write(Buffer.from('damage'), 0, 6, 3 * MiB)
  await file.close()
  t.is(await pull(node, address), address.digest)
  t.is(origin.bytesSent - before, 256 * 1024)
  t.is(await pull(node, address), address.digest)
  t.is(origin.bytesSent - before, 256 * 1024)
})
