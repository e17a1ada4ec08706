import test from 'ava'
import { retryDelay } from '../dist/retry.js'

const policy = { tries: 3, baseDelayMs: 200, maxDelayMs: 300, maxRetryAfterMs: 2_000, budgetMs: 10_000 }
const failed = { attempt: 1, elapsedMs: 0, transient: true, retryAfterMs: undefined }
const most = () => 1

test('waits twice as long after each attempt, up to the most', (t) => {
  t.is(retryDelay(failed, policy, most), 200)
  t.is(retryDelay({ ...failed, attempt: 2 }, policy, most), 300)
})

test('spreads waits from nothing to the whole', (t) => {
  t.is(
    retryDelay(failed, policy, () => 0),
    0,
  )
  t.is(
    retryDelay(failed, policy, () => 0.5),
    100,
  )
})

test('gives up after the last try', (t) => {
  t.is(retryDelay({ ...failed, attempt: 3 }, policy, most), undefined)
})

test('gives up on what will not pass', (t) => {
  t.is(retryDelay({ ...failed, transient: false }, policy, most), undefined)
})

test('waits as long as the origin asks for', (t) => {
  t.is(retryDelay({ ...failed, retryAfterMs: 2_000 }, policy, most), 2_000)
})

test('gives up when the origin asks for a longer wait', (t) => {
  t.is(retryDelay({ ...failed, retryAfterMs: 2_001 }, policy, most), undefined)
})

test('starts no attempt after the budget', (t) => {
  t.is(retryDelay({ ...failed, elapsedMs: 9_800 }, policy, most), 200)
  t.is(retryDelay({ ...failed, elapsedMs: 9_801 }, policy, most), undefined)
})
