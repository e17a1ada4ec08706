import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { type Candidate, ClosestQuery } from '../../dist/discovery/closest-query.js'
import { compareDistance } from '../../dist/discovery/kad-distance.js'

const target = new Uint8Array(32)
const init = { target, width: 3, parallel: 2, quorum: 2, maxAsked: 12 }

/** A peer at a distance of its number. */
function peer(number: number): Candidate {
  const place = new Uint8Array(32)
  new DataView(place.buffer).setUint32(28, number)
  return { peer: String(number), place }
}

function queryOf(...numbers: number[]): ClosestQuery {
  const query = new ClosestQuery(init)
  query.learn(numbers.map(peer))
  return query
}

test('the closest are asked first, a few at a time', (t) => {
  const query = queryOf(9, 2, 5, 1)
  t.deepEqual(query.take(), ['1', '2'])
  t.deepEqual(query.take(), [])
  query.answered('2')
  t.deepEqual(query.take(), ['5'])
})

test('a query is done when the closest have answered, and not before', (t) => {
  const query = queryOf(1, 2, 3, 4)
  query.take()
  query.answered('1')
  query.answered('2')
  t.false(query.isDone)
  t.deepEqual(query.take(), ['3'])
  t.false(query.isDone)
  query.answered('3')
  t.true(query.isDone)
  t.deepEqual(query.take(), [])
  t.deepEqual(query.closest(), ['1', '2', '3'])
})

test('a closer peer that somebody names is asked before others', (t) => {
  const query = queryOf(5, 6, 7)
  query.take()
  query.answered('5', [peer(1)])
  t.deepEqual(query.take(), ['1'])
})

test('who fails makes room for the next closest', (t) => {
  const query = queryOf(1, 2, 3, 4)
  query.take()
  query.failed('1')
  query.failed('2')
  t.deepEqual(query.take(), ['3', '4'])
  query.answered('3')
  query.answered('4')
  t.true(query.isDone)
  t.deepEqual(query.closest(), ['3', '4'])
})

test('who is late is passed over, and counts when it answers after all', (t) => {
  const query = queryOf(1, 2, 3, 4)
  query.take()
  query.late('1')
  t.deepEqual(query.take(), ['3'])
  query.answered('1')
  query.answered('2')
  query.answered('3')
  t.true(query.isDone)
  t.deepEqual(query.closest(), ['1', '2', '3'])
})

test('while next to nobody has answered, the late are waited for', (t) => {
  const query = queryOf(1, 2)
  query.take()
  query.late('1')
  query.late('2')
  t.false(query.isDone)
  query.answered('1')
  t.false(query.isDone)
  query.failed('2')
  t.true(query.isDone)
})

test('a query that knows nobody is done', (t) => {
  t.true(queryOf().isDone)
})

test('peers that invent closer ones for ever do not prolong a query for ever', (t) => {
  const query = queryOf(1_000)
  let asked = 0
  for (let next = 999; !query.isDone; next--) {
    for (const name of query.take()) {
      asked++
      query.answered(name, [peer(next)])
    }
    t.true(asked <= init.maxAsked)
  }
  t.is(asked, init.maxAsked)
})

test('in any network where everybody answers, those found are the closest there are', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1_000), { minLength: 1, maxLength: 60 }), (numbers) => {
      const all = numbers.map((number): Candidate => {
        return { peer: String(number), place: createHash('sha256').update(String(number)).digest() }
      })
      const sorted = all.toSorted((a, b) => compareDistance(target, a.place, b.place)).map(({ peer }) => peer)
      const query = new ClosestQuery({ ...init, maxAsked: 100 })
      query.learn(all.slice(0, 1))
      while (!query.isDone) for (const name of query.take()) query.answered(name, all)
      t.deepEqual(query.closest(), sorted.slice(0, init.width))
    }),
  )
})
