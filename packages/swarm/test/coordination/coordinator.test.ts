import { setTimeout as delay } from 'node:timers/promises'
import { ChunkSet, digestFromHash } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { coordinationProtocol } from '../../dist/coordination/coordination-protocol.js'
import { Coordinator } from '../../dist/coordination/coordinator.js'
import type { MessageStream } from '../../dist/host/message-stream.js'
import { CoordinationReply, CoordinationRequest } from '../../dist/wire/coordination.js'
import { StreamPairHost } from '../stream-pair-host.ts'

const digest = digestFromHash('sha256', new Uint8Array(32))
const size = 1_000_000 // 4 chunks
const chunks = new ChunkSet(4).encode()
const addresses = ['/ip4/127.0.0.1/tcp/2']

async function coordinator(
  t: { teardown(work: () => void): void },
  holds: () => Promise<boolean> = async () => false,
) {
  const host = new StreamPairHost()
  const served = new Coordinator({ host, holds })
  await served.start()
  t.teardown(() => served.stop())
  return { host, served }
}

async function join(host: StreamPairHost, overrides: Partial<CoordinationRequest['join'] & object> = {}) {
  const stream = await host.open('coordinator', coordinationProtocol)
  const message = { digest, chunks, size: BigInt(size), addresses, leased: [], ...overrides }
  await stream.send(CoordinationRequest.encode({ join: message, landed: [], release: [], wanted: [] }))
  return stream
}

async function nextReply(stream: MessageStream): Promise<CoordinationReply> {
  const message = await stream.read()
  if (message === undefined) throw new Error('the coordinator closed the stream')
  const reply = CoordinationReply.decode(message)
  // How often to send news says nothing about what was asked.
  return reply.newsIntervalMs === undefined ? reply : await nextReply(stream)
}

test('a member that asks gets a lease', async (t) => {
  const { host } = await coordinator(t)
  const stream = await join(host)
  await stream.send(CoordinationRequest.encode({ landed: [], release: [], wanted: [], willing: true }))
  t.true((await nextReply(stream)).lease.length > 0)
  stream.abort(new Error('done'))
})

test('a coordinator that has the blob is named; one that can not tell goes on', async (t) => {
  const { host, served } = await coordinator(t, async () => true)
  const named = Promise.withResolvers<string[]>()
  const newcomer = { digest, addresses: [], leased: [], size: BigInt(size), chunks }
  const membership = served.join('other', newcomer, ({ neighbours }) => {
    if (neighbours.length > 0) named.resolve(neighbours.map(({ peer }) => peer))
  })
  t.deepEqual(await named.promise, [host.peer])
  membership.leave()
  const other = await coordinator(t, () => Promise.reject(new Error('the cache is stopped')))
  const asking = await join(other.host)
  await asking.send(CoordinationRequest.encode({ landed: [], release: [], wanted: [], willing: true }))
  t.true((await nextReply(asking)).lease.length > 0)
  asking.abort(new Error('done'))
})

test('a lease comes back when its member closes the stream', async (t) => {
  const { host, served } = await coordinator(t)
  const oneChunk = { size: 100n, chunks: new ChunkSet(1).encode() }
  const stream = await join(host, oneChunk)
  await stream.send(CoordinationRequest.encode({ landed: [], release: [], wanted: [], willing: true }))
  await nextReply(stream)
  const leased = Promise.withResolvers<CoordinationReply>()
  const membership = served.join('other', { digest, addresses: [], leased: [], ...oneChunk }, (reply) => {
    if (reply.lease.length > 0) leased.resolve(reply)
  })
  membership.receive({ landed: [], release: [], wanted: [], willing: true })
  stream.abort(new Error('died'))
  t.deepEqual((await leased.promise).lease, [{ start: 0, end: 1 }])
  membership.leave()
})

test('a swarm that goes on under a new coordinator leases nothing before its members have come over', async (t) => {
  const { served } = await coordinator(t)
  const leases: unknown[] = []
  const comeOver = (member: string, held: number[]) => {
    const join = { digest, addresses: [], leased: [], size: BigInt(size) }
    const membership = served.join(
      member,
      { ...join, chunks: ChunkSet.of(4, held).encode() },
      ({ lease }) => void leases.push(...lease),
    )
    membership.receive({ landed: [], release: [], wanted: [], willing: true })
  }
  comeOver('first', [0])
  await delay(300)
  comeOver('second', [1, 2])
  await delay(1_000)
  t.deepEqual(leases, [{ start: 3, end: 4 }])
})

test('a member with another size for the blob is refused with the reason', async (t) => {
  const { host } = await coordinator(t)
  const first = await join(host)
  const second = await join(host, { size: 999n, chunks: new ChunkSet(1).encode() })
  t.regex((await nextReply(second)).refused ?? '', /has 1000000 bytes .* not 999/)
  first.abort(new Error('done'))
})

for (const [what, overrides] of [
  ['a malformed digest', { digest: 'sha256:xyz' }],
  ['a size over 4 TiB', { size: 2n ** 60n }],
  ['a chunk set that does not fit the size', { chunks: Uint8Array.of(1, 0xff, 0xff, 0xff) }],
] as const) {
  test(`${what} in a join is refused`, async (t) => {
    const { host } = await coordinator(t)
    const stream = await join(host, overrides)
    t.truthy((await nextReply(stream)).refused)
  })
}

test('a landed chunk outside the blob ends the membership', async (t) => {
  const { host } = await coordinator(t)
  const stream = await join(host)
  await stream.send(CoordinationRequest.encode({ landed: [{ index: 99 }], release: [], wanted: [] }))
  await t.throwsAsync(nextReply(stream), { name: 'StreamClosedError' })
})

test('garbage instead of a join ends the stream, and the coordinator goes on', async (t) => {
  const { host } = await coordinator(t)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (garbage) => {
      const stream = await host.open('coordinator', coordinationProtocol)
      try {
        await stream.send(garbage)
        await stream.close()
        while ((await stream.read()) !== undefined);
      } catch {
        return true // cut off, as it should be
      }
      return true
    }),
    { numRuns: 60 },
  )
  const stream = await join(host)
  await stream.send(CoordinationRequest.encode({ landed: [], release: [], wanted: [], willing: true }))
  t.true((await nextReply(stream)).lease.length > 0)
  stream.abort(new Error('done'))
})
