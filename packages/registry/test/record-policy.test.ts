import { OriginError, type OriginFault } from '@shoal/content'
import test from 'ava'
import { isOriginAway } from '../dist/access-policy.js'
import { DeadlineError } from '../dist/deadline.js'
import { isServable } from '../dist/record-policy.js'
import { unknownDigest } from './fixture.ts'

const expected: Record<OriginFault, boolean> = {
  unavailable: true,
  'rate-limited': true,
  malformed: true,
  'not-found': false,
  unauthorized: false,
  refused: false,
}

for (const [fault, allowed] of Object.entries(expected)) {
  test(`an origin that is ${fault} ${allowed ? 'lets' : 'does not let'} what was known serve`, (t) => {
    t.is(isOriginAway(new OriginError(fault as OriginFault, 'no')), allowed)
  })
}

test('an origin that does not answer in time lets what was known serve', (t) => {
  t.true(isOriginAway(new DeadlineError('asking', 1000, 'timeout')))
})

test('an error that nobody foresaw does not', (t) => {
  t.false(isOriginAway(new TypeError('a bug')))
})

const record = {
  descriptor: { digest: unknownDigest, size: 1, mediaType: 'application/json' },
  resolvedAt: 1_000_000,
  isPublic: true,
}

test('a record serves up to its age', (t) => {
  t.true(isServable(record, 1_000_000 + 500, 500))
})

test('a record does not serve beyond its age', (t) => {
  t.false(isServable(record, 1_000_000 + 501, 500))
})

test('a record from the far future does not serve', (t) => {
  t.false(isServable(record, 1_000_000 - 3_600_000, 500))
})
