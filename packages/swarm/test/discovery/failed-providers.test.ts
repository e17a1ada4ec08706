import test from 'ava'
import { FailedProviders } from '../../dist/discovery/failed-providers.js'

test('a peer without the blob is not named for that blob, and for others it is', (t) => {
  const failures = new FailedProviders()
  failures.failed('blob', 'a', 'empty', 0)
  t.true(failures.isFailed('blob', 'a', 299_999))
  t.false(failures.isFailed('blob', 'a', 300_000))
  t.false(failures.isFailed('other', 'a', 1))
  t.false(failures.isFailed('blob', 'b', 1))
  failures.isReachable('a')
  t.true(failures.isFailed('blob', 'a', 1))
})

test('a peer that was out of reach is named for no blob, until its time is up or it connects', (t) => {
  const failures = new FailedProviders()
  failures.failed('blob', 'a', 'unreachable', 0)
  t.true(failures.isFailed('other', 'a', 29_999))
  t.false(failures.isFailed('other', 'a', 30_000))
  failures.isReachable('a')
  t.false(failures.isFailed('other', 'a', 1))
})

test('failures have a limit too', (t) => {
  const failures = new FailedProviders()
  for (let n = 0; n <= 4_096; n++) failures.failed('blob', String(n), 'empty', 0)
  t.false(failures.isFailed('blob', '0', 1))
  t.true(failures.isFailed('blob', '1', 1))
})
