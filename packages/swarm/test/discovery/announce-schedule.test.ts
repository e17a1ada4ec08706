import test from 'ava'
import { AnnounceSchedule } from '../../dist/discovery/announce-schedule.js'

const hourMs = 3_600_000
const pace = { perSecond: 10, burst: 10, repeatMs: 10 * hourMs }
const keepers = ['a', 'b', 'c', 'd', 'e', 'f']

const scheduleOf = (...keys: string[]): AnnounceSchedule => {
  const schedule = new AnnounceSchedule(pace, () => 0.5, 0)
  for (const key of keys) schedule.add(key)
  return schedule
}

/** Announces all that the schedule gives until `endMs`; when each went out. */
function run(
  schedule: AnnounceSchedule,
  startMs: number,
  endMs: number,
  knownPeers = 50,
): Map<string, number> {
  const made = new Map<string, number>()
  let now = startMs
  while (now < endMs) {
    for (let key = schedule.take(now); key !== undefined; key = schedule.take(now)) {
      made.set(key, now)
      schedule.made(key, keepers, knownPeers, now)
    }
    const waitMs = schedule.waitMs(now)
    if (waitMs === undefined) break
    now += Math.ceil(waitMs)
  }
  return made
}

test('what is new goes out at once, the newest first', (t) => {
  const schedule = scheduleOf('old', 'newer', 'newest')
  t.deepEqual(
    [schedule.take(0), schedule.take(0), schedule.take(0), schedule.take(0)],
    ['newest', 'newer', 'old', undefined],
  )
  t.is(schedule.waitMs(0), undefined)
})

test('five thousand blobs are announced at the pace, and all of them', (t) => {
  const keys = Array.from({ length: 5_000 }, (_, index) => `blob ${index}`)
  const made = run(scheduleOf(...keys), 0, hourMs)
  t.is(made.size, 5_000)
  const times = [...made.values()]
  for (let start = 0; start < times.length; start++) {
    const second = times.slice(start, start + 40).filter((at) => at < (times[start] ?? 0) + 1_000)
    t.true(second.length <= pace.burst + pace.perSecond + 1)
  }
  const seconds = (times.at(-1) ?? 0) / 1_000
  t.true(seconds > 490 && seconds < 600, `${seconds} s`)
})

test('a blob that is announced meanwhile does not wait for thousands', (t) => {
  const schedule = scheduleOf(...Array.from({ length: 5_000 }, (_, index) => `blob ${index}`))
  run(schedule, 0, 60_000)
  schedule.add('new')
  const now = 60_000 + Math.ceil(schedule.waitMs(60_000) ?? 0)
  t.is(schedule.take(now), 'new')
})

test('each is repeated well before its record expires, and not all at the same time', (t) => {
  const keys = Array.from({ length: 1_000 }, (_, index) => `blob ${index}`)
  let random = 0
  const schedule = new AnnounceSchedule(pace, () => (random = (random + 0.618) % 1), 0)
  for (const key of keys) schedule.add(key)
  const first = run(schedule, 0, hourMs)
  const second = new Map<string, number>()
  for (let now = hourMs; now < 24 * hourMs; now += 30_000) {
    schedule.review(50, now)
    for (const [key, at] of run(schedule, now, now + 30_000)) if (!second.has(key)) second.set(key, at)
  }
  t.is(second.size, 1_000)
  for (const [key, at] of second) {
    const age = at - (first.get(key) ?? 0)
    t.true(age >= 10 * hourMs && age < 16 * hourMs, `${age / hourMs} h`)
  }
  const hours = new Set([...second.values()].map((at) => Math.floor(at / hourMs)))
  t.true(hours.size >= 5)
})

test('what reached nobody is due when somebody is known', (t) => {
  const schedule = scheduleOf('blob')
  t.is(schedule.take(0), 'blob')
  schedule.made('blob', [], 0, 0)
  schedule.review(0, 1_000)
  t.is(schedule.take(1_000), undefined)
  schedule.review(1, 2_000)
  t.is(schedule.take(2_000), 'blob')
})

for (const [what, told, knownPeers, due] of [
  ['fewer than three of many', ['a', 'b'], 50, 'blob'],
  ['three of many', ['a', 'b', 'c'], 50, undefined],
  ['the only one there is', ['a'], 1, undefined],
] as const) {
  test(`what reached ${what} before its deadline is ${due === undefined ? 'not ' : ''}due again`, (t) => {
    const schedule = scheduleOf('blob')
    schedule.take(0)
    schedule.made('blob', told, knownPeers, 0)
    schedule.review(knownPeers, 1_000)
    t.is(schedule.take(1_000), due)
  })
}

test('somebody who comes while nobody could be told is told', (t) => {
  const schedule = scheduleOf('blob')
  schedule.take(0)
  schedule.review(1, 10)
  schedule.made('blob', [], 0, 20)
  t.is(schedule.take(20), 'blob')
})

test('an announcement is repeated when half of those who kept it have gone', (t) => {
  const schedule = scheduleOf('blob')
  run(schedule, 0, 1_000)
  schedule.keeperLeft('a')
  schedule.keeperLeft('b')
  schedule.keeperLeft('stranger')
  t.is(schedule.take(2_000), undefined)
  schedule.keeperLeft('c')
  t.is(schedule.take(2_000), 'blob')
})

test('an announcement is repeated when the cluster has doubled', (t) => {
  const schedule = scheduleOf('blob')
  run(schedule, 0, 1_000, 10)
  schedule.review(19, 2_000)
  t.is(schedule.take(2_000), undefined)
  schedule.review(20, 2_000)
  t.is(schedule.take(2_000), 'blob')
})

test('what was withdrawn is not announced, and those who keep it are known', (t) => {
  const schedule = scheduleOf('kept', 'withdrawn')
  t.deepEqual(schedule.remove('withdrawn'), [])
  run(schedule, 0, 1_000)
  t.deepEqual(schedule.remove('kept'), keepers)
  schedule.keeperLeft('a')
  schedule.review(1_000, 100 * hourMs)
  t.is(schedule.take(100 * hourMs), undefined)
  t.true(schedule.add('kept'))
  t.is(schedule.take(100 * hourMs), 'kept')
})
