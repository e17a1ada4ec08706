import test from 'ava'
import { AnswerTimes } from '../../dist/discovery/answer-times.js'

function timesOf(...ms: number[]): AnswerTimes {
  const times = new AnswerTimes()
  for (const each of ms) times.answered(each)
  return times
}

test('before anybody has answered, and when all answer at once, a peer has the least time', (t) => {
  t.is(timesOf().lateAfterMs(150), 150)
  t.is(timesOf(2, 3, 2, 5).lateAfterMs(150), 150)
})

test('when all are slow, a peer has longer than they take', (t) => {
  const slow = Array.from({ length: 50 }, (_, index) => 600 + (index % 5) * 100)
  t.true(timesOf(...slow).lateAfterMs(150) > 1_000)
})

test('a peer is not waited for longer than it may take', (t) => {
  const hopeless = Array.from({ length: 50 }, (_, index) => 1_000 + (index % 2) * 10_000)
  t.is(timesOf(...hopeless).lateAfterMs(150), 2_500)
})

test('a peer that was slow once does not make the others slow', (t) => {
  const fast = Array.from({ length: 40 }, () => 5)
  t.is(timesOf(...fast, 2_900, ...fast).lateAfterMs(150), 150)
})
