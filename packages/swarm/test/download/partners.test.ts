import { ChunkSet } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { partnersOf } from '../../dist/download/partners.js'
import { commandsOf, plannerFor } from './virtual-swarm.ts'

const names = (count: number) => Array.from({ length: count }, (_, n) => `node-${n}`)

function partnersOfAll(nodes: readonly string[]): Map<string, ReadonlySet<string>> {
  const others = (self: string) => nodes.filter((node) => node !== self)
  return new Map(nodes.map((self) => [self, partnersOf(self, others(self))]))
}

test('where all know each other, each node is the partner of as many as it has', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 60 }), (nodes) => {
      const wanted = Math.min(4, nodes.length - 1)
      const servedBy = new Map(nodes.map((node) => [node, 0]))
      for (const [self, partners] of partnersOfAll(nodes)) {
        if (partners.size !== wanted || partners.has(self)) return false
        for (const partner of partners) servedBy.set(partner, (servedBy.get(partner) ?? 0) + 1)
      }
      return [...servedBy.values()].every((count) => count === wanted)
    }),
  )
  t.pass()
})

test('the order in which a node came to know its peers makes no difference', (t) => {
  const [self = '', ...peers] = names(20)
  t.deepEqual(partnersOf(self, peers), partnersOf(self, peers.toReversed()))
})

test('what one node has reaches all of 48 within six steps from partner to partner', (t) => {
  const partners = partnersOfAll(names(48))
  const reached = new Set(['node-0'])
  for (let step = 0; step < 6; step++) {
    const loading = [...partners].filter(([, of]) => [...of].some((partner) => reached.has(partner)))
    for (const [node] of loading) reached.add(node)
  }
  t.is(reached.size, 48)
})

/**
 * A planner that got what it aims at from self-9, and knows self-1 to self-8 since, of which 1, 2, 3 and 6 are partners; with what
 * it asked for in the place of that.
 */
function plannerWithPartners() {
  const planner = plannerFor(64)
  const connect = (peer: string) =>
    commandsOf(planner.step({ type: 'connected', peer, held: ChunkSet.full(64) }, 0), 'request')
  const pending = connect('self-9')
  for (let n = 1; n < 9; n++) connect(`self-${n}`)
  const asked = pending.flatMap(({ peer, index }) =>
    commandsOf(planner.step({ type: 'stored', index, from: peer }, 0), 'request'),
  )
  return { planner, asked }
}

test('partners are asked before others', (t) => {
  t.deepEqual(
    plannerWithPartners().asked.map(({ peer }) => peer),
    ['self-1', 'self-2', 'self-3', 'self-6', 'self-1', 'self-2', 'self-3', 'self-6'],
  )
})

test('a partner that brings next to nothing is not asked before others', (t) => {
  const { planner, asked } = plannerWithPartners()
  for (const peer of ['self-2', 'self-3', 'self-6'])
    planner.step({ type: 'progress', peer, bytes: 250_000 }, 900)
  planner.step({ type: 'progress', peer: 'self-1', bytes: 10 }, 900)
  const index = asked.find(({ peer }) => peer === 'self-1')?.index ?? Number.NaN
  const [next] = commandsOf(planner.step({ type: 'stored', index, from: 'self-1' }, 900), 'request')
  t.is(next?.peer, 'self-9', 'the first of those who have room and are no partners')
})

/** Pending with peers that have the first so many chunks, before and after the planner compared itself with them. */
function pendingBesidePeersWith(held: number) {
  const planner = plannerFor(64)
  const first = Array.from({ length: held }, (_, index) => index)
  const requests = ['a', 'b', 'c'].flatMap((peer) =>
    commandsOf(planner.step({ type: 'connected', peer, held: ChunkSet.of(64, first) }, 0), 'request'),
  )
  const atTick = commandsOf(planner.step({ type: 'tick' }, 0), 'request')
  return { before: requests.length, after: requests.length + atTick.length, sources: planner.sources }
}

test('a node that is behind its neighbours asks for more at a time, and says that it needs more of each', (t) => {
  t.deepEqual(pendingBesidePeersWith(12), { before: 8, after: 12, sources: 1 })
  t.deepEqual(pendingBesidePeersWith(60), { before: 8, after: 16, sources: 1 })
})

test('beside complete peers, nobody is behind', (t) => {
  t.deepEqual(pendingBesidePeersWith(64), { before: 8, after: 8, sources: 3 })
})

test('a node that is ahead says that it needs less', (t) => {
  const planner = plannerFor(64)
  for (let index = 0; index < 40; index++) planner.step({ type: 'stored', index, from: 'a' }, 0)
  for (const peer of ['a', 'b', 'c']) planner.step({ type: 'connected', peer, held: ChunkSet.of(64, [0]) }, 0)
  planner.step({ type: 'tick' }, 0)
  t.is(planner.sources, 6)
})
