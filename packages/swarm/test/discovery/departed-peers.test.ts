import test from 'ava'
import { DepartedPeers } from '../../dist/discovery/departed-peers.js'

test('a peer that left is lost after two minutes, unless it comes back', (t) => {
  let now = 0
  const departed = new DepartedPeers(() => now)
  departed.left('a')
  departed.left('b')
  departed.returned('b')
  t.true(departed.has('a'))
  t.false(departed.has('b'))
  now = 60_000
  departed.left('c')
  now = 119_999
  t.is(departed.takeLost().size, 0)
  now = 120_000
  t.deepEqual([...departed.takeLost()], ['a'])
  t.false(departed.has('a'))
  t.true(departed.has('c'))
})
