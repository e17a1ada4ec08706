import { ChunkSet } from '@shoal/content'
import test from 'ava'
import { exchangeProtocol } from '../../dist/exchange/exchange-protocol.js'
import type { MessageStream } from '../../dist/host/message-stream.js'
import { ExchangeReply, ExchangeRequest } from '../../dist/wire/exchange.js'
import { MemoryOrigin } from '../memory-origin.ts'
import { pull, randomBlob } from '../swarm-fixture.ts'
import { servingWith, startFaultySwarm } from './faulty-swarm.ts'

const MiB = 1024 * 1024
const size = 8 * MiB
const chunkBytes = 256 * 1024
const count = 3

/** Has everything, and gives nothing. */
async function refuse(stream: MessageStream): Promise<void> {
  const all = new ChunkSet(size / chunkBytes)
  for (let index = 0; index < all.capacity; index++) all.add(index)
  const holding = { size: BigInt(size), mediaType: 'application/octet-stream', chunks: all.encode() }
  await stream.read()
  await stream.send(ExchangeReply.encode({ holding, have: [], refused: [] }))
  for (let message = await stream.read(); message !== undefined; message = await stream.read()) {
    const { want } = ExchangeRequest.decode(message)
    if (want.length > 0) await stream.send(ExchangeReply.encode({ have: [], refused: want }))
  }
}

async function reset(stream: MessageStream): Promise<void> {
  stream.abort(new Error('the test resets every stream'))
}

for (const [what, fault] of [
  ['refuse every want', refuse],
  ['reset every stream', reset],
] as const) {
  test.serial(`when all peers ${what}, everyone completes from upstream`, async (t) => {
    const origin = new MemoryOrigin(2)
    const address = origin.add(randomBlob(size))
    const nodes = await startFaultySwarm(t, { count, origin, wrapHost: servingWith(exchangeProtocol, fault) })
    const digests = await Promise.all(nodes.map((node) => pull(node, address)))
    t.deepEqual(digests, Array(count).fill(address.digest))
    t.log(`${(origin.bytesSent / size).toFixed(2)} copies in ${origin.fetches} requests`)
    t.true(origin.bytesSent <= (count + 0.5) * size, `${origin.bytesSent / size} copies for ${count} nodes`)
    // A chunk in a request of its own is the most that makes sense.
    t.true(origin.fetches <= (count + 1) * (size / chunkBytes), `${origin.fetches} requests`)
  })
}
