import { hash } from 'node:crypto'
import {
  type AbortOptions,
  type ByteRange,
  type ContentAddress,
  type Descriptor,
  digestFromHash,
  type OriginContent,
} from '@shoal/content'
import test from 'ava'
import { MemoryOrigin } from './memory-origin.ts'
import { bytesFrom, newSecret, pull, randomBlob, startNode, startSwarm, until } from './swarm-fixture.ts'

const size = 8 * 1024 * 1024
/** Between 256 KiB of the origin. */
const pauseMs = 20

function digestOf(bytes: Uint8Array) {
  return digestFromHash('sha256', hash('sha256', bytes, 'buffer'))
}

function at(registry: string, address: ContentAddress): ContentAddress {
  return { ...address, repository: { ...address.repository, registry } }
}

/** Registries of which one says that it has everything and sends zeros. */
class OriginWithLiar extends MemoryOrigin {
  override async describe(address: ContentAddress): Promise<Descriptor> {
    return await super.describe(address)
  }

  override async fetch(
    address: ContentAddress,
    options: AbortOptions & { range?: ByteRange } = {},
  ): Promise<OriginContent> {
    const content = await super.fetch(address, options)
    return address.repository.registry === 'liar.test' ? { ...content, body: zeros(content.body) } : content
  }
}

async function* zeros(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) yield new Uint8Array(bytes.length)
}

test('a registry that proves that it has a blob shares what peers have of it by way of another', async (t) => {
  const origin = new MemoryOrigin(pauseMs)
  const bytes = randomBlob(size)
  const address = origin.add(bytes)
  const [first, second] = await startSwarm(t, 2, origin)
  if (first === undefined || second === undefined) return t.fail()
  await pull(first, address)
  await until(() => first.announced() > 0)
  // Until the proof is there upstream is asked too: slowly, so that it does not have it all sent by then.
  origin.faults.lineMs = 300
  t.is(await pull(second, at('second.test', address)), digestOf(bytes))
  t.true(bytesFrom(second, 'peer') > 0)
  t.is(bytesFrom(second, 'peer') + bytesFrom(second, 'upstream'), size)
})

test('for clients of a registry that does not have it nothing is taken from peers', async (t) => {
  const origin = new OriginWithLiar(pauseMs)
  const address = origin.add(randomBlob(size))
  const [first, second] = await startSwarm(t, 2, origin)
  if (first === undefined || second === undefined) return t.fail()
  await pull(first, address)
  await t.throwsAsync(pull(second, at('liar.test', address)))
  t.is(bytesFrom(second, 'peer'), 0)
})

test('nor while peers are still downloading it', async (t) => {
  const origin = new OriginWithLiar(pauseMs)
  const bytes = randomBlob(size)
  const address = origin.add(bytes)
  const [first, second] = await startSwarm(t, 2, origin)
  if (first === undefined || second === undefined) return t.fail()
  const pulled = pull(first, address)
  await t.throwsAsync(pull(second, at('liar.test', address)))
  t.is(bytesFrom(second, 'peer'), 0)
  t.is(await pulled, digestOf(bytes), 'whose registry has it gets it')
  t.is(bytesFrom(first, 'peer'), 0)
})

test('what is arriving on this node is for clients of its registry, and of others that prove to have it', async (t) => {
  const origin = new OriginWithLiar(pauseMs)
  const bytes = randomBlob(size)
  const address = origin.add(bytes)
  const node = await startNode(t, { origin, secret: newSecret() })
  const pulled = pull(node, address)
  await until(() => bytesFrom(node, 'upstream') > 0)
  const [own, other, liar] = await Promise.allSettled([
    pulled,
    pull(node, at('second.test', address)),
    readAll(node, at('liar.test', address)),
  ])
  t.deepEqual([own.status, other.status], ['fulfilled', 'fulfilled'])
  t.true(liar.status === 'rejected' || liar.value.every((byte) => byte === 0))
  t.true(await node.metadata.isProven(address.digest, 'second.test'))
  t.false(await node.metadata.isProven(address.digest, 'liar.test'))
})

test('what a download left is dropped when the next one is for clients of another registry', async (t) => {
  const origin = new MemoryOrigin(pauseMs)
  const bytes = randomBlob(size)
  const address = origin.add(bytes)
  const secret = newSecret()
  const first = await startNode(t, { origin, secret })
  const begun = pull(first, address)
  await until(() => bytesFrom(first, 'upstream') > size / 4)
  await first.stop()
  await t.throwsAsync(begun)
  const again = await startNode(t, { origin, secret, dataDir: first.dataDir })
  t.is(await pull(again, at('second.test', address)), digestOf(bytes))
  t.is(bytesFrom(again, 'upstream'), size)
})

test('a proof is kept: the registry is not asked again after a restart', async (t) => {
  const origin = new MemoryOrigin()
  const bytes = randomBlob(size)
  const address = origin.add(bytes)
  const secret = newSecret()
  const first = await startNode(t, { origin, secret })
  await pull(first, address)
  await pull(first, at('second.test', address))
  await first.stop()
  origin.faults.down = true
  const again = await startNode(t, { origin, secret, dataDir: first.dataDir })
  for (const registry of ['registry.test', 'second.test']) {
    t.is(await pull(again, at(registry, address)), digestOf(bytes))
  }
  await t.throwsAsync(pull(again, at('third.test', address)), undefined, 'what is away proves nothing')
})

async function readAll(node: Parameters<typeof pull>[0], address: ContentAddress): Promise<Buffer> {
  await using content = await node.swarm.content.open(address)
  return Buffer.concat(await Array.fromAsync(content.read()))
}
