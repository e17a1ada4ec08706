import test from 'ava'
import { ProviderMemory } from '../../dist/discovery/provider-memory.js'

const all = { limit: Number.POSITIVE_INFINITY, isUsable: () => true }

test('what was found is remembered for seconds, that nothing was found for one', (t) => {
  const memory = new ProviderMemory()
  memory.remember('found', { peers: ['a', 'b'], isComplete: true, atMs: 0 })
  memory.remember('missing', { peers: [], isComplete: true, atMs: 0 })
  t.deepEqual(memory.recall('found', { ...all, nowMs: 4_999 }), ['a', 'b'])
  t.is(memory.recall('found', { ...all, nowMs: 5_000 }), undefined)
  t.deepEqual(memory.recall('missing', { ...all, nowMs: 999 }), [])
  t.is(memory.recall('missing', { ...all, nowMs: 1_000 }), undefined)
  t.is(memory.recall('never searched', { ...all, nowMs: 0 }), undefined)
})

test('a search that ended early does for no more than it found', (t) => {
  const memory = new ProviderMemory()
  memory.remember('blob', { peers: ['a', 'b'], isComplete: false, atMs: 0 })
  t.deepEqual(memory.recall('blob', { ...all, limit: 2, nowMs: 1 }), ['a', 'b'])
  t.is(memory.recall('blob', { ...all, limit: 3, nowMs: 1 }), undefined)
})

test('when none of those found is of use, another search is made after a second', (t) => {
  const memory = new ProviderMemory()
  memory.remember('blob', { peers: ['a', 'b'], isComplete: true, atMs: 0 })
  t.deepEqual(memory.recall('blob', { ...all, isUsable: (peer) => peer !== 'a', nowMs: 2_000 }), ['b'])
  t.deepEqual(memory.recall('blob', { ...all, isUsable: () => false, nowMs: 500 }), [])
  t.is(memory.recall('blob', { ...all, isUsable: () => false, nowMs: 1_000 }), undefined)
})

test('a newcomer may have what nobody had', (t) => {
  const memory = new ProviderMemory()
  memory.remember('missing', { peers: [], isComplete: true, atMs: 0 })
  memory.remember('found', { peers: ['a'], isComplete: true, atMs: 0 })
  memory.forgetMissing()
  t.is(memory.recall('missing', { ...all, nowMs: 1 }), undefined)
  t.deepEqual(memory.recall('found', { ...all, nowMs: 1 }), ['a'])
})

test('memory has a limit, and the oldest goes first', (t) => {
  const memory = new ProviderMemory()
  for (let n = 0; n <= 1_024; n++) memory.remember(String(n), { peers: ['a'], isComplete: true, atMs: 0 })
  t.is(memory.recall('0', { ...all, nowMs: 1 }), undefined)
  t.deepEqual(memory.recall('1', { ...all, nowMs: 1 }), ['a'])
})
