import { ChunkLayout, ChunkSet } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { DownloadPlanner } from '../../dist/download/planner.js'
import { commandsOf, plannerFor, VirtualSwarm } from './virtual-swarm.ts'

const KiB = 1024
const layoutOf = (chunks: number) => new ChunkLayout(chunks * 256 * KiB)

test('a peer that is found is connected to once', (t) => {
  const planner = plannerFor(4)
  t.deepEqual(commandsOf(planner.step({ type: 'found', peers: ['a', 'a'] }, 0), 'connect'), [
    { type: 'connect', peer: 'a' },
  ])
  t.deepEqual(commandsOf(planner.step({ type: 'found', peers: ['a'] }, 0), 'connect'), [])
})

test('chunks that a peer has are asked of it, and no others', (t) => {
  const planner = plannerFor(4)
  const requests = commandsOf(
    planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(4, [2]) }, 0),
    'request',
  )
  t.deepEqual(requests, [{ type: 'request', peer: 'a', index: 2 }])
})

test('what a client waits for is asked for first, in order', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'reading', reader: 0, index: 40 }, 0)
  const requests = commandsOf(
    planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(64) }, 0),
    'request',
  )
  t.deepEqual(
    requests.map(({ index }) => index),
    [40, 41, 42, 43, 44, 45, 46, 47],
  )
})

test('outside the window the rarest chunk comes first', (t) => {
  const planner = plannerFor(32)
  planner.step({ type: 'connected', peer: 'common', held: ChunkSet.of(32, [20, 21, 22]) }, 0)
  const requests = commandsOf(
    planner.step({ type: 'connected', peer: 'both', held: ChunkSet.of(32, [20, 21, 22, 30]) }, 0),
    'request',
  )
  t.is(requests[0]?.index, 30)
})

test('a chunk is asked of one peer at a time while there are others to ask for', (t) => {
  const planner = plannerFor(64)
  const held = ChunkSet.full(64)
  const first = commandsOf(planner.step({ type: 'connected', peer: 'a', held: held.clone() }, 0), 'request')
  const second = commandsOf(planner.step({ type: 'connected', peer: 'b', held: held.clone() }, 0), 'request')
  const indexes = [...first, ...second].map(({ index }) => index)
  t.is(new Set(indexes).size, indexes.length)
})

test('in the endgame the last chunk is asked of a second peer, and cancelled where it is not needed', (t) => {
  const planner = plannerFor(1)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(1) }, 0)
  const second = planner.step({ type: 'connected', peer: 'b', held: ChunkSet.full(1) }, 0)
  t.deepEqual(commandsOf(second, 'request'), [{ type: 'request', peer: 'b', index: 0 }])
  const stored = planner.step({ type: 'stored', index: 0, from: 'b' }, 1)
  t.deepEqual(stored, [{ type: 'cancel', peer: 'a', index: 0 }, { type: 'finish' }])
})

test('a chunk of which half has come, and more keeps coming, is not asked of a second peer', (t) => {
  const planner = plannerFor(1)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(1) }, 0)
  planner.step({ type: 'progress', peer: 'a', bytes: layoutOf(1).lengthOf(0) / 2 }, 100)
  const second = planner.step({ type: 'connected', peer: 'b', held: ChunkSet.full(1) }, 100)
  t.deepEqual(commandsOf(second, 'request'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 600), 'request'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 601), 'request'), [
    { type: 'request', peer: 'b', index: 0 },
  ])
})

test('a chunk of which less than half has come is asked of a second peer in the endgame', (t) => {
  const planner = plannerFor(1)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(1) }, 0)
  planner.step({ type: 'progress', peer: 'a', bytes: layoutOf(1).lengthOf(0) / 2 - 1 }, 100)
  const second = planner.step({ type: 'connected', peer: 'b', held: ChunkSet.full(1) }, 100)
  t.is(commandsOf(second, 'request').length, 1)
})

test('a silent peer is no longer waited for after a second, and left after 10 s', (t) => {
  const planner = plannerFor(64)
  const asked = commandsOf(
    planner.step({ type: 'connected', peer: 'silent', held: ChunkSet.of(64, [7]) }, 0),
    'request',
  )
  t.deepEqual(asked, [{ type: 'request', peer: 'silent', index: 7 }])
  const other = planner.step({ type: 'connected', peer: 'b', held: ChunkSet.of(64, [7]) }, 0)
  t.deepEqual(commandsOf(other, 'request'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 999), 'request'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 1_000), 'request'), [
    { type: 'request', peer: 'b', index: 7 },
  ])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 10_000), 'disconnect')[0], {
    type: 'disconnect',
    peer: 'silent',
    reason: 'stalled',
  })
})

/** A peer that sent a first chunk in this time, and then is silent; another has what else is asked of it. */
function plannerWithSlowPeer(firstMs: number) {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(64, [3, 7]) }, 0)
  planner.step({ type: 'stored', index: 3, from: 'a' }, firstMs)
  planner.step({ type: 'progress', peer: 'a', bytes: 1_000 }, firstMs)
  planner.step({ type: 'connected', peer: 'b', held: ChunkSet.of(64, [7]) }, firstMs)
  return planner
}

for (const [firstMs, waitMs] of [
  [500, 4_000],
  [1_000, 5_000],
  [4_000, 12_000],
] as const) {
  test(`where a chunk took ${firstMs} ms, a silent peer is waited for for ${waitMs} ms`, (t) => {
    const planner = plannerWithSlowPeer(firstMs)
    t.deepEqual(commandsOf(planner.step({ type: 'tick' }, firstMs + waitMs - 1), 'request'), [])
    t.deepEqual(commandsOf(planner.step({ type: 'tick' }, firstMs + waitMs), 'request'), [
      { type: 'request', peer: 'b', index: 7 },
    ])
  })
}

test('where chunks take long, a silent peer is left later', (t) => {
  const planner = plannerWithSlowPeer(4_000)
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 4_000 + 23_999), 'disconnect'), [])
  t.is(commandsOf(planner.step({ type: 'tick' }, 4_000 + 24_000), 'disconnect').length, 1)
})

test('a peer that is busy is not asked again before it grants a slot', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(64, [7, 8]) }, 0)
  t.deepEqual(commandsOf(planner.step({ type: 'busy', peer: 'a', indexes: [7, 8] }, 0), 'request'), [])
  t.is(commandsOf(planner.step({ type: 'granted', peer: 'a' }, 0), 'request')[0]?.index, 7)
})

test('what a busy peer does not send is asked of another', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(64, [7]) }, 0)
  planner.step({ type: 'connected', peer: 'b', held: ChunkSet.of(64, [7]) }, 0)
  t.deepEqual(commandsOf(planner.step({ type: 'busy', peer: 'a', indexes: [7] }, 0), 'request'), [
    { type: 'request', peer: 'b', index: 7 },
  ])
})

test('a slot that is of no use is declined', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'a', held: new ChunkSet(64) }, 0)
  t.deepEqual(planner.step({ type: 'granted', peer: 'a' }, 0), [{ type: 'decline', peer: 'a' }])
})

test('a slot is used although as much as is aimed at was asked for elsewhere, which may be refused yet', (t) => {
  const { planner, asked } = plannerThatAsksElsewhere()
  t.is(asked.length, 8, 'no more is asked for of its own accord')
  t.is(commandsOf(planner.step({ type: 'granted', peer: 'a' }, 0), 'request').length, 1)
})

test('a slot is declined when as much as is aimed at is coming in', (t) => {
  const { planner, asked } = plannerThatAsksElsewhere()
  for (const { peer } of asked) planner.step({ type: 'progress', peer, bytes: 1_000 }, 0)
  t.deepEqual(planner.step({ type: 'granted', peer: 'a' }, 0), [{ type: 'decline', peer: 'a' }])
})

test('places are kept for complete peers', (t) => {
  const planner = plannerFor(1_000)
  const strangers = Array.from({ length: 60 }, (_, n) => `part${n}`)
  t.is(commandsOf(planner.step({ type: 'found', peers: strangers }, 0), 'connect').length, 40)
  const seeds = Array.from({ length: 12 }, (_, n) => `seed${n}`)
  const found = planner.step({ type: 'found', peers: seeds, complete: true }, 0)
  t.deepEqual(
    commandsOf(found, 'connect').map(({ peer }) => peer),
    seeds.slice(0, 8),
  )
})

test('a blob of few chunks begins with few neighbours, and has more as time goes by', (t) => {
  const planner = plannerFor(1)
  const connects = (now: number) => commandsOf(planner.step({ type: 'tick' }, now), 'connect').length
  const strangers = Array.from({ length: 60 }, (_, n) => `part${n}`)
  t.is(commandsOf(planner.step({ type: 'found', peers: strangers }, 0), 'connect').length, 4)
  t.is(connects(249), 0)
  t.is(connects(250), 4)
  t.is(connects(100 * 250), 32)
})

test('those who have all of a small blob get a place, whoever came before', (t) => {
  const planner = plannerFor(1)
  const strangers = Array.from({ length: 60 }, (_, n) => `part${n}`)
  planner.step({ type: 'found', peers: strangers }, 0)
  const seeds = Array.from({ length: 12 }, (_, n) => `seed${n}`)
  const found = planner.step({ type: 'found', peers: seeds, complete: true }, 0)
  t.deepEqual(
    commandsOf(found, 'connect').map(({ peer }) => peer),
    seeds.slice(0, 4),
  )
})

test('a peer that is ten times slower than the others makes room for one that waits for its place', (t) => {
  const planner = plannerFor(1_000)
  const peers = Array.from({ length: 41 }, (_, n) => `peer${n}`)
  planner.step({ type: 'found', peers }, 0)
  for (const [n, peer] of peers.slice(0, 40).entries()) {
    planner.step({ type: 'connected', peer, held: ChunkSet.of(1_000, [n]) }, 0)
    planner.step({ type: 'progress', peer, bytes: n === 3 ? 1_000 : 100_000 }, 200)
  }
  const commands = planner.step({ type: 'tick' }, 250)
  t.deepEqual(commandsOf(commands, 'disconnect'), [{ type: 'disconnect', peer: 'peer3', reason: 'slow' }])
  t.deepEqual(commandsOf(commands, 'connect'), [{ type: 'connect', peer: 'peer40' }])
})

test('an upstream that says when to come back is asked no sooner, and the others are told', (t) => {
  const planner = plannerFor(8)
  planner.step({ type: 'leased', runs: [{ start: 0, end: 2 }] }, 0)
  const failed = { final: false, reason: '429', retryAfterMs: 5_000 }
  const commands = planner.step({ type: 'upstream-ended', run: { start: 0, end: 2 }, failed }, 0)
  t.deepEqual(commandsOf(commands, 'release'), [{ type: 'release', indexes: [0, 1], pauseMs: 5_000 }])
  planner.step({ type: 'leased', runs: [{ start: 0, end: 2 }] }, 0)
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 4_999), 'fetch'), [])
  t.is(commandsOf(planner.step({ type: 'tick' }, 5_000), 'fetch').length, 1)
})

test('a fetch of which everything is revoked is cut', (t) => {
  const planner = plannerFor(8)
  planner.step({ type: 'leased', runs: [{ start: 0, end: 2 }] }, 0)
  t.deepEqual(commandsOf(planner.step({ type: 'revoked', runs: [{ start: 0, end: 1 }] }, 0), 'cut'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'revoked', runs: [{ start: 1, end: 2 }] }, 0), 'cut'), [
    { type: 'cut', run: { start: 0, end: 2 } },
  ])
})

test('when upstream sends the whole, the coordinator is told, and nothing is asked of peers', (t) => {
  const planner = plannerFor(8)
  const [fetch] = commandsOf(planner.step({ type: 'leased', runs: [{ start: 0, end: 2 }] }, 0), 'fetch')
  t.truthy(fetch)
  if (fetch === undefined) return
  t.deepEqual(commandsOf(planner.step({ type: 'upstream-whole', run: fetch.run }, 0), 'claim'), [
    { type: 'claim' },
  ])
  const connected = planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(8) }, 0)
  t.deepEqual(commandsOf(connected, 'request'), [])
})

test('a lease is asked for only for chunks that no peer has', (t) => {
  const planner = plannerFor(2)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(2) }, 0)
  t.deepEqual(commandsOf(planner.step({ type: 'coordinated', connected: true }, 0), 'ask'), [])
  t.is(commandsOf(planner.step({ type: 'gone', peer: 'a' }, 0), 'ask').length, 1)
})

test('peers that a search named are heard before a lease is asked for', (t) => {
  const planner = plannerFor(2)
  planner.step({ type: 'found', peers: ['a'] }, 0)
  t.deepEqual(commandsOf(planner.step({ type: 'coordinated', connected: true }, 0), 'ask'), [])
  t.is(commandsOf(planner.step({ type: 'tick' }, 300), 'ask').length, 1)
})

test('what is leased is fetched', (t) => {
  const planner = plannerFor(8)
  const commands = planner.step({ type: 'leased', runs: [{ start: 2, end: 5 }] }, 0)
  t.deepEqual(commandsOf(commands, 'fetch'), [{ type: 'fetch', run: { start: 2, end: 5 } }])
})

test('a lease that is revoked before its turn is not fetched', (t) => {
  const planner = plannerFor(64)
  planner.step({ type: 'leased', runs: [{ start: 0, end: 24 }] }, 0) // two requests of 8 start
  planner.step({ type: 'revoked', runs: [{ start: 16, end: 24 }] }, 0)
  for (let index = 0; index < 8; index++) planner.step({ type: 'stored', index, from: 'upstream' }, 0)
  const commands = planner.step({ type: 'upstream-ended', run: { start: 0, end: 8 } }, 0)
  t.deepEqual(commandsOf(commands, 'fetch'), [])
})

test('without a coordinator and without peers the node goes upstream by itself after 3 s', (t) => {
  const planner = plannerFor(20)
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 2_999), 'fetch'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 3_000), 'fetch'), [
    { type: 'fetch', run: { start: 0, end: 8 } },
  ])
})

test('a chunk that a client has waited 4 s for is fetched without a lease, whatever else moves', (t) => {
  const planner = plannerFor(20)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(20, [7]) }, 0)
  planner.step({ type: 'reading', reader: 0, index: 5 }, 1_000)
  planner.step({ type: 'has', peer: 'a', indexes: [8] }, 4_990)
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 4_999), 'fetch'), [])
  t.deepEqual(commandsOf(planner.step({ type: 'tick' }, 5_000), 'fetch'), [
    { type: 'fetch', run: { start: 5, end: 6 } },
  ])
})

for (const [responseMs, waitMs] of [
  [1_000, 12_000],
  [4_000, 20_000],
  [9_000, 25_000],
] as const) {
  test(`with a coordinator, where a chunk takes ${responseMs} ms, a client waits ${waitMs} ms before upstream is asked`, (t) => {
    const planner = plannerFor(20)
    planner.step({ type: 'coordinated', connected: true }, 0)
    planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(20, [7]) }, 0)
    planner.step({ type: 'stored', index: 7, from: 'a' }, responseMs)
    planner.step({ type: 'reading', reader: 0, index: 5 }, responseMs)
    planner.step({ type: 'has', peer: 'a', indexes: [8] }, responseMs + waitMs - 10)
    t.deepEqual(commandsOf(planner.step({ type: 'tick' }, responseMs + waitMs - 1), 'fetch'), [])
    t.deepEqual(commandsOf(planner.step({ type: 'tick' }, responseMs + waitMs), 'fetch'), [
      { type: 'fetch', run: { start: 5, end: 6 } },
    ])
  })
}

test('a lease whose fetch fails goes back to the coordinator', (t) => {
  const planner = plannerFor(8)
  planner.step({ type: 'leased', runs: [{ start: 0, end: 3 }] }, 0)
  planner.step({ type: 'stored', index: 0, from: 'upstream' }, 0)
  const failed = { final: false, reason: 'cut off' }
  const commands = planner.step({ type: 'upstream-ended', run: { start: 0, end: 3 }, failed }, 0)
  t.deepEqual(commandsOf(commands, 'release'), [{ type: 'release', indexes: [1, 2] }])
})

test('when upstream does not have it and no peer does, the download fails with the reason, after a search', (t) => {
  const planner = plannerFor(8)
  planner.step({ type: 'leased', runs: [{ start: 0, end: 3 }] }, 0)
  const failed = { final: true, reason: 'upstream says 404' }
  const commands = planner.step({ type: 'upstream-ended', run: { start: 0, end: 3 }, failed }, 0)
  t.deepEqual(commandsOf(commands, 'search'), [{ type: 'search' }])
  t.deepEqual(planner.step({ type: 'searched' }, 0), [
    { type: 'fail', reason: 'upstream says 404; no peer has it' },
  ])
})

test('a disputed chunk is fetched from upstream, and not asked of its sender again', (t) => {
  const planner = plannerFor(1)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.full(1) }, 0)
  const commands = planner.step({ type: 'distrusted', peer: 'a', index: 0, fetchUpstream: true }, 0)
  t.deepEqual(commandsOf(commands, 'fetch'), [{ type: 'fetch', run: { start: 0, end: 1 } }])
  t.deepEqual(commandsOf(planner.step({ type: 'has', peer: 'a', indexes: [0] }, 0), 'request'), [])
})

test('after a repair is ordered, a finished download goes on', (t) => {
  const held = ChunkSet.full(2)
  const planner = new DownloadPlanner({ self: 'self', layout: layoutOf(2), held, random: () => 0, now: 0 })
  t.deepEqual(planner.step({ type: 'tick' }, 0), [{ type: 'finish' }])
  const commands = planner.step({ type: 'dropped', suspects: new Map([[1, 'liar']]) }, 0)
  t.deepEqual(commandsOf(commands, 'fetch'), [{ type: 'fetch', run: { start: 1, end: 2 } }])
})

test('whatever peers and upstream do, a download that can complete does, and asks for nothing it should not', (t) => {
  const swarms = fc.record({
    chunks: fc.integer({ min: 1, max: 80 }),
    seed: fc.integer(),
    peers: fc.integer({ min: 0, max: 8 }),
    upstream: fc.constantFrom('works', 'flaky', 'down'),
    coordinated: fc.boolean(),
    readers: fc.integer({ min: 0, max: 12 }),
  })
  fc.assert(
    fc.property(swarms, (init) => {
      const swarm = new VirtualSwarm(init)
      const outcome = swarm.run()
      return swarm.canComplete ? outcome === 'finish' : outcome === 'fail'
    }),
    { numRuns: 300 },
  )
  t.pass()
})

/** Peer a is busy; one chunk was asked for of each of six others, and more is not aimed at. */
function plannerThatAsksElsewhere() {
  const planner = plannerFor(64)
  planner.step({ type: 'connected', peer: 'a', held: ChunkSet.of(64, [60, 61]) }, 0)
  planner.step({ type: 'busy', peer: 'a', indexes: [60, 61] }, 0)
  const asked = [...'bcdefghij'].flatMap((peer, index) =>
    commandsOf(planner.step({ type: 'connected', peer, held: ChunkSet.of(64, [index]) }, 0), 'request'),
  )
  return { planner, asked }
}
