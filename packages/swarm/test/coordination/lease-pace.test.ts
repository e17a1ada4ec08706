import test from 'ava'
import { LeasePace } from '../../src/coordination/lease-pace.ts'

/** Lets members fetch for so many chunks; `rateOf` is what so many of them get together, in chunks per millisecond. */
function fetchersAfter(chunks: number, rateOf: (fetchers: number) => number): number {
  const pace = new LeasePace()
  let now = 0
  for (let chunk = 0; chunk < chunks; chunk++) {
    now += 1 / rateOf(pace.fetchers)
    pace.landed(pace.fetchers, now)
  }
  return pace.fetchers
}

test('a few begin, and each chunk that lands lets one more fetch', (t) => {
  t.deepEqual(
    [0, 1, 2, 12, 13].map((chunks) => fetchersAfter(chunks, (fetchers) => fetchers / 5_000)),
    [4, 5, 6, 16, 16],
  )
})

test('more members fetch where each brings as much as those before it', (t) => {
  t.is(
    fetchersAfter(2_000, (fetchers) => fetchers / 100),
    64,
  )
})

test('more members do not fetch where upstream has no more to give', (t) => {
  t.true(fetchersAfter(2_000, () => 0.1) <= 24)
})

test('fewer members fetch from an upstream that is slow for all of them together', (t) => {
  t.is(
    fetchersAfter(2_000, () => 0.005),
    10,
  )
})

test('as many as before fetch from an upstream that is slow for each of them', (t) => {
  t.true(fetchersAfter(2_000, (fetchers) => fetchers / 5_000) > 10)
})
