import type { ByteRange, ContentAddress } from '@shoal/content'
import test from 'ava'
import { MemoryOrigin } from '../memory-origin.ts'
import { newSecret, pull, randomBlob, startNode, startSwarm, type TestNode } from '../swarm-fixture.ts'

const MiB = 1024 * 1024
const size = 48 * MiB

async function readRange({ swarm }: TestNode, address: ContentAddress, range: ByteRange): Promise<Buffer> {
  await using content = await swarm.content.open(address)
  return Buffer.concat(await Array.fromAsync(content.read(range)))
}

function slowOrigin() {
  const origin = new MemoryOrigin()
  origin.faults.lineMs = 10
  const bytes = randomBlob(size)
  return { origin, bytes, address: origin.add(bytes) }
}

test.serial('ranges far ahead of a cold download get their bytes long before it comes there', async (t) => {
  const { origin, bytes, address } = slowOrigin()
  const node = await startNode(t, { origin, secret: newSecret() })
  const whole = pull(node, address)
  const ranges = [
    { start: 40 * MiB, end: 41 * MiB },
    { start: size - 5, end: size },
    { start: 24 * MiB + 1, end: 26 * MiB },
  ]
  const sentUntil = await Promise.all(
    ranges.map(async (range) => {
      t.deepEqual(await readRange(node, address, range), Buffer.from(bytes.subarray(range.start, range.end)))
      return origin.bytesSent
    }),
  )
  t.log(sentUntil)
  t.true(Math.max(...sentUntil) < size / 2, `${sentUntil} bytes had to be sent before`)
  t.is(await whole, address.digest)
  t.is(origin.bytesSent, size)
})

test.serial('in a swarm too, and upstream sends little more than one copy', async (t) => {
  const { origin, bytes, address } = slowOrigin()
  const nodes = await startSwarm(t, 3, origin)
  const [first, second] = nodes
  if (first === undefined || second === undefined) return t.fail()
  const wholes = nodes.map((node) => pull(node, address))
  const parts = [first, second].map(async (node) => {
    const range = { start: 40 * MiB, end: 42 * MiB }
    t.deepEqual(await readRange(node, address, range), Buffer.from(bytes.subarray(range.start, range.end)))
    return origin.bytesSent
  })
  for (const sent of await Promise.all(parts)) t.true(sent < size / 2, `${sent} bytes had to be sent before`)
  for (const whole of wholes) t.is(await whole, address.digest)
  t.true(origin.bytesSent <= 1.1 * size, `${origin.bytesSent / size} copies`)
})
