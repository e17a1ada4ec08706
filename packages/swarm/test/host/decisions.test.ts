import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { compareDistance, kadId } from '../../dist/discovery/kad-distance.js'
import { bootstrapDelay, defaultBootstrapSchedule } from '../../dist/host/bootstrap-schedule.js'
import { GrowthGauge } from '../../dist/host/growth-gauge.js'
import { arrivalMs, judgeLink, probeIdleMs } from '../../dist/host/link-health.js'

const limits = { idleMs: 5_000, timeoutMs: 4_000 }

for (const [what, link, nowMs, verdict] of [
  ['that was heard a moment ago is alive', {}, 5_999, 'alive'],
  ['that is silent is probed', {}, 6_000, 'probe'],
  ['that was probed has time to answer', { probedAtMs: 6_000 }, 9_999, 'alive'],
  ['that did not answer is dead', { probedAtMs: 6_000 }, 10_000, 'dead'],
] as const) {
  test(`a link ${what}`, (t) => {
    t.is(judgeLink({ heardAtMs: 1_000, probedAtMs: undefined, ...link }, limits, nowMs), verdict)
  })
}

test('what is sent comes after what was sent before, and nobody is waited for longer than 10 s', (t) => {
  t.is(arrivalMs(0, 100_000, 1_000), 3_000)
  t.is(arrivalMs(3_000, 50_000, 2_000), 4_000)
  t.is(arrivalMs(3_000, 1e9, 2_000), 12_000)
})

test('a node with many links probes each less often, so that it probes no more', (t) => {
  t.is(probeIdleMs(5_000, 2), 5_000)
  t.is(probeIdleMs(5_000, 50), 5_000)
  t.is(probeIdleMs(5_000, 200), 20_000)
})

test('attempts to find the first peer grow rarer, up to a limit, and never end', (t) => {
  const delays = [1, 2, 3, 4, 7, 8, 1_000].map((failures) =>
    bootstrapDelay({ isConnected: false, failures }, defaultBootstrapSchedule, () => 0.5),
  )
  t.deepEqual(delays, [500, 1_000, 2_000, 4_000, 30_000, 30_000, 30_000])
})

test('nodes that start together do not call together', (t) => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.boolean(),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, isConnected, r) => {
        const state = { isConnected, failures }
        const middle = bootstrapDelay(state, defaultBootstrapSchedule, () => 0.5)
        const delay = bootstrapDelay(state, defaultBootstrapSchedule, () => r)
        return delay >= middle * 0.5 && delay <= middle * 1.5
      },
    ),
  )
  t.pass()
})

test('growth is told at each eightfold, and again after a loss', (t) => {
  const gauge = new GrowthGauge()
  const told = [0, 1, 2, 7, 8, 9, 63, 64, 2, 15, 16, 0, 1].filter((count) => gauge.hasGrown(count))
  t.deepEqual(told, [1, 8, 64, 16, 1])
})

test('distance is the XOR of SHA-256, as Kademlia compares it', (t) => {
  const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (key, one, other) => {
      const [target, a, b] = [key, one, other].map((bytes) =>
        createHash('sha256').update(bytes).digest(),
      ) as [Buffer, Buffer, Buffer]
      const expected = (number(target) ^ number(a)) - (number(target) ^ number(b))
      const actual = compareDistance(kadId(key), kadId(one), kadId(other))
      return Math.sign(actual) === (expected < 0n ? -1 : expected > 0n ? 1 : 0)
    }),
  )
  t.pass()
})
