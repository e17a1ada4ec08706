import test from 'ava'
import fc from 'fast-check'
import { ChunkSet } from '../dist/chunk-set.js'

const indexes = (capacity: number) => fc.uniqueArray(fc.integer({ min: 0, max: capacity - 1 }))
const sets = fc
  .integer({ min: 1, max: 600 })
  .chain((capacity) => fc.tuple(fc.constant(capacity), indexes(capacity)))

test('a set holds what was added and not removed', (t) => {
  fc.assert(
    fc.property(sets, fc.array(fc.nat(599)), ([capacity, added], removed) => {
      const set = ChunkSet.of(capacity, added)
      const model = new Set(added)
      for (const index of removed) if (set.delete(index) !== model.delete(index)) return false
      const sorted = [...model].sort((a, b) => a - b)
      return set.size === model.size && JSON.stringify([...set]) === JSON.stringify(sorted)
    }),
  )
  t.pass()
})

test('the first missing chunk is the first that was not added', (t) => {
  fc.assert(
    fc.property(sets, fc.nat(600), ([capacity, added], from) => {
      const set = ChunkSet.of(capacity, added)
      let expected = Math.min(from, capacity)
      while (expected < capacity && added.includes(expected)) expected++
      return set.firstMissing(Math.min(from, capacity)) === expected
    }),
  )
  t.pass()
})

test('an encoded set decodes to itself and is never longer than its bitmap', (t) => {
  fc.assert(
    fc.property(sets, ([capacity, added]) => {
      const set = ChunkSet.of(capacity, added)
      const encoded = set.encode()
      const decoded = ChunkSet.decode(encoded, capacity)
      const bitmapLength = 1 + Math.ceil(capacity / 8)
      return JSON.stringify([...decoded]) === JSON.stringify([...set]) && encoded.length <= bitmapLength
    }),
  )
  t.pass()
})

test('a complete set of a large blob takes a few bytes', (t) => {
  t.true(ChunkSet.full(100_000).encode().length <= 5)
})

test('garbage decodes to a set of the right capacity or is refused', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(700), (bytes, capacity) => {
      try {
        const set = ChunkSet.decode(bytes, capacity)
        return [...set].every((index) => index < capacity)
      } catch (error) {
        return (error as Error).name === 'InvalidInputError'
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('a bitmap with bits past the end of the blob is refused', (t) => {
  t.throws(() => ChunkSet.decode(Uint8Array.of(1, 0xff), 4), { code: 'CHUNK_SET_INVALID' })
})

test('a run that reaches past the end of the blob is refused', (t) => {
  t.throws(() => ChunkSet.decode(Uint8Array.of(0, 2, 5), 4), { code: 'CHUNK_SET_INVALID' })
})

test('a set does not change with its clone', (t) => {
  const set = ChunkSet.of(10, [1, 2])
  const clone = set.clone()
  clone.add(3)
  t.false(set.has(3))
  t.is(set.size, 2)
})

test('a chunk outside the blob is refused', (t) => {
  const set = new ChunkSet(8)
  for (const index of [-1, 8, 1.5]) t.throws(() => set.add(index), { code: 'CHUNK_SET_INVALID' })
})

test('the first common chunk is the first that both sets have', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99)), fc.uniqueArray(fc.nat(99)), fc.nat(120), (one, other, from) => {
      const expected = one.filter((index) => index >= from && other.includes(index)).sort((a, b) => a - b)[0]
      return ChunkSet.of(100, one).firstCommon(ChunkSet.of(100, other), from) === (expected ?? 100)
    }),
  )
  t.pass()
})
