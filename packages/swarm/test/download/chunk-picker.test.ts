import { ChunkSet } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { type PickInput, pickChunk } from '../../dist/download/chunk-picker.js'
import { mulberry32 } from './virtual-swarm.ts'

const count = 100

test('what half of the neighbours have is taken in order', (t) => {
  const input = situation({ offered: range(0, count), neighbours: 4, availability: () => 2 })
  t.is(pickChunk({ ...input, places: [20] }), 20)
})

test('what one neighbour alone has is asked for in another order by each node that reads there', (t) => {
  const rare = [20, 23, 30, 37, 41, 44, 50]
  const input = situation({ offered: rare, neighbours: 7, availability: () => 1 })
  const picked = Array.from({ length: 7 }, (_, node) =>
    pickChunk({ ...input, places: [20], random: () => (node + 0.5) / 7 }),
  )
  t.true(new Set(picked).size > 1, `all ask for ${picked[0]}`)
  t.true(picked.every((index) => rare.includes(index ?? -1)))
})

test('each of the equally rare chunks near a reader is taken as often', (t) => {
  const rare = [20, 30, 40, 50]
  const input = situation({ offered: rare, neighbours: 7, availability: () => 1 })
  const random = mulberry32(1)
  const times = new Map<number | undefined, number>()
  for (let n = 0; n < 4_000; n++) {
    const index = pickChunk({ ...input, places: [20], random })
    times.set(index, (times.get(index) ?? 0) + 1)
  }
  t.deepEqual([...times.keys()].sort(), rare)
  for (const [index, n] of times) t.true(n > 900 && n < 1_100, `chunk ${index}: ${n} of 4,000`)
})

test('the rarer of two near chunks comes first', (t) => {
  const availability = (index: number) => (index === 27 ? 1 : 2)
  const input = situation({ offered: [20, 27], neighbours: 10, availability })
  t.is(pickChunk({ ...input, places: [20] }), 27)
})

test('a chunk near a reader comes before one that is rarer elsewhere', (t) => {
  const availability = (index: number) => (index === 90 ? 1 : 8)
  const input = situation({ offered: [25, 90], neighbours: 10, availability })
  t.is(pickChunk({ ...input, places: [20] }), 25)
})

test('a chunk that a client has waited for for long comes before rarer ones', (t) => {
  const availability = (index: number) => (index === 20 ? 3 : 1)
  const input = situation({ offered: range(20, 50), neighbours: 10, availability })
  t.is(pickChunk({ ...input, places: [20], overdue: [20] }), 20)
  t.not(pickChunk({ ...input, places: [20], overdue: [60] }), 20)
})

test('readers have their turns', (t) => {
  const input = situation({ offered: range(0, count), neighbours: 1, availability: () => 1 })
  const picked = [0, 1, 2].map((turn) => pickChunk({ ...input, places: [5, 60], turn }))
  t.deepEqual(picked, [5, 60, 5])
})

test('away from readers the rarest comes first', (t) => {
  const availability = (index: number) => (index === 3 ? 1 : 2)
  const input = situation({ offered: range(0, 10), neighbours: 10, availability })
  t.is(pickChunk({ ...input, places: [50] }), 3)
})

test('only what is wanted and offered is picked, and something if there is any', (t) => {
  const indexes = fc.uniqueArray(fc.nat(count - 1))
  fc.assert(
    fc.property(
      fc.record({ wanted: indexes, offered: indexes, places: indexes, overdue: indexes, seed: fc.nat() }),
      ({ wanted, offered, places, overdue, seed }) => {
        const availability = (index: number) => 1 + (index % 3)
        const input = situation({ wanted, offered, neighbours: 4, availability })
        const index = pickChunk({ ...input, places, overdue, random: mulberry32(seed) })
        const common = wanted.filter((wantedIndex) => offered.includes(wantedIndex))
        return index === undefined ? common.length === 0 : common.includes(index)
      },
    ),
  )
  t.pass()
})

function situation(given: {
  wanted?: readonly number[]
  offered: readonly number[]
  neighbours: number
  availability: (index: number) => number
}): PickInput {
  const { wanted = range(0, count), offered, neighbours, availability } = given
  return {
    wanted: setOf(wanted),
    offered: setOf(offered),
    neighbours,
    availability,
    places: [],
    overdue: [],
    turn: 0,
    random: () => 0.5,
  }
}

function setOf(indexes: readonly number[]): ChunkSet {
  const set = new ChunkSet(count)
  for (const index of indexes) set.add(index)
  return set
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, n) => start + n)
}
