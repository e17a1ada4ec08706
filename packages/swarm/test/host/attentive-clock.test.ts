import test from 'ava'
import { AttentiveClock } from '../../dist/host/attentive-clock.js'

function clockAt(time: () => number): AttentiveClock {
  return new AttentiveClock({ intervalMs: 250, time })
}

test('the clock goes on while ticks come in time', (t) => {
  let time = 1_000
  const clock = clockAt(() => time)
  for (let tick = 0; tick < 8; tick++) {
    time += 260
    clock.tick()
  }
  t.is(clock.now(), 1_000 + 8 * 260)
})

test('the time in which the process was held up does not count', (t) => {
  let time = 0
  const clock = clockAt(() => time)
  time = 10_000
  clock.tick()
  t.is(clock.now(), 250)
  time += 100
  t.is(clock.now(), 350)
})

test('the clock never goes back, though the hold-up shows only later', (t) => {
  let time = 0
  const clock = clockAt(() => time)
  time = 5_000
  const seen = clock.now()
  clock.tick()
  t.is(clock.now(), seen)
})
