import test from 'ava'
import fc from 'fast-check'
import { answersRange, formatRange, parseContentRange } from '../dist/content-range.js'

test('reads a range and the size of the whole', (t) => {
  t.deepEqual(parseContentRange('bytes 0-99/1000'), { range: { start: 0, end: 100 }, size: 1000 })
})

test('reads a range of unknown size', (t) => {
  t.deepEqual(parseContentRange('bytes 5-9/*'), { range: { start: 5, end: 10 }, size: undefined })
})

for (const text of [
  '',
  'bytes */1000',
  'bytes 9-3/1000',
  'bytes 0-1000/1000',
  'bytes 0-99',
  'bytes=0-99/1000',
  'items 0-99/1000',
  'bytes -1-99/1000',
  'bytes 0-99/1000, bytes 200-299/1000',
  'bytes 0-99/1e3',
  'bytes 0-99999999999999999999/*',
]) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.is(parseContentRange(text), undefined)
  })
}

test('garbage is undefined or a sound range', (t) => {
  const part = fc.constantFrom('bytes', ' ', '-', '/', '*', '0', '9', '12345678901234567890', '\t', 'é')
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 100 }), fc.string({ unit: part, maxLength: 12 })), (text) => {
      const read = parseContentRange(text)
      if (read === undefined) return true
      const { range, size } = read
      return (
        Number.isSafeInteger(range.end) &&
        range.start < range.end &&
        (size === undefined || range.end <= size)
      )
    }),
  )
  t.pass()
})

test('what a server writes about a range is read back, and answers the range that was asked', (t) => {
  const ranges = fc
    .record({ start: fc.nat(), length: fc.integer({ min: 1, max: 2 ** 40 }), rest: fc.nat() })
    .map(({ start, length, rest }) => ({
      range: { start, end: start + length },
      size: start + length + rest,
    }))
  fc.assert(
    fc.property(ranges, ({ range, size }) => {
      const read = parseContentRange(`${formatRange(range).replace('=', ' ')}/${size}`)
      t.deepEqual(read, { range, size })
      return answersRange({ range, size }, range)
    }),
  )
})

test('a range that was cut at the end of the content answers', (t) => {
  t.true(answersRange({ range: { start: 5, end: 10 }, size: 10 }, { start: 5, end: 20 }))
})

test('a range that was cut elsewhere does not answer', (t) => {
  t.false(answersRange({ range: { start: 5, end: 9 }, size: 10 }, { start: 5, end: 20 }))
})

test('a range that starts elsewhere, or is longer, does not answer', (t) => {
  t.false(answersRange({ range: { start: 4, end: 20 }, size: 100 }, { start: 5, end: 20 }))
  t.false(answersRange({ range: { start: 5, end: 21 }, size: 100 }, { start: 5, end: 20 }))
})
