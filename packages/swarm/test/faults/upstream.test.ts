import test from 'ava'
import { MemoryOrigin, type OriginFaults } from '../memory-origin.ts'
import { pull, randomBlob, startSwarm } from '../swarm-fixture.ts'

const MiB = 1024 * 1024
const size = 16 * MiB
const nodes = 4

async function pullEverywhere(t: Parameters<typeof startSwarm>[0], faults: OriginFaults) {
  const origin = new MemoryOrigin(5)
  Object.assign(origin.faults, faults)
  const address = origin.add(randomBlob(size))
  const swarm = await startSwarm(t, nodes, origin)
  const outcomes = await Promise.allSettled(swarm.map((node) => pull(node, address)))
  const digests = outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason),
  )
  t.log(`${(origin.bytesSent / size).toFixed(2)} copies in ${origin.fetches} requests`)
  return { origin, digests, expected: Array(nodes).fill(address.digest) }
}

test.serial('upstream without ranges sends few copies, not one for each lease', async (t) => {
  const { origin, digests, expected } = await pullEverywhere(t, { ignoresRanges: true })
  t.deepEqual(digests, expected)
  t.true(origin.bytesSent <= 1.5 * size, `${origin.bytesSent / size} copies`)
})

test.serial('upstream that limits requests for a while is waited for', async (t) => {
  // Each node asks in vain more often than it tries an upstream that does not say how long to wait.
  const { origin, digests, expected } = await pullEverywhere(t, { limits: 5 * nodes, retryAfterMs: 1_000 })
  t.deepEqual(digests, expected)
  t.true(origin.bytesSent <= 1.5 * size, `${origin.bytesSent / size} copies`)
})

test.serial('upstream that cuts every answer short is asked for the rest, within bounds', async (t) => {
  const { origin, digests, expected } = await pullEverywhere(t, { cutAfter: 600_000 })
  t.deepEqual(digests, expected)
  t.true(origin.bytesSent <= 2 * size, `${origin.bytesSent / size} copies`)
  // Every answer brings two chunks of 256 KiB.
  t.true(origin.fetches <= 2 * (size / (512 * 1024)), `${origin.fetches} requests`)
})

test.serial('upstream that never gets a chunk through is given up after few requests', async (t) => {
  const { origin, digests } = await pullEverywhere(t, { cutAfter: 100_000 })
  t.true(digests.every((text) => text.includes('the origin cut the connection')))
  t.true(origin.fetches <= nodes * 10, `${origin.fetches} requests`)
})
