import test from 'ava'
import fc from 'fast-check'
import { readRange } from '../dist/range-header.js'

const size = 1000

for (const [header, start, end] of [
  ['bytes=0-0', 0, 1],
  ['bytes=500-1499', 500, 1000],
  ['bytes=500-', 500, 1000],
  ['bytes=-500', 500, 1000],
  ['bytes=-5000', 0, 1000],
  ['bytes=0-', 0, 1000],
  ['Bytes = 1-2', 1, 3],
  ['bytes=1-2,', 1, 3],
  ['bytes=10-99999999999999999999999', 10, 1000],
] as const) {
  test(`${header} of ${size} bytes is ${start} to ${end}`, (t) => {
    t.deepEqual(readRange(header, size), { kind: 'part', range: { start, end } })
  })
}

for (const header of [undefined, '', 'items=0-5', 'bytes', 'bytes=0-1,5-6', 'bytes=-1,0-0,3-']) {
  test(`${header} gives the whole`, (t) => {
    t.deepEqual(readRange(header, size), { kind: 'whole' })
  })
}

for (const header of [
  'bytes=9-3',
  'bytes=',
  'bytes=-',
  'bytes=abc',
  'bytes=1-2-3',
  'bytes=0x1-2',
  'bytes=-0',
  'bytes=1000-',
  'bytes=99999999999999999999999-',
  'bytes=0-1,9-3',
]) {
  test(`${header} of ${size} bytes can not be served`, (t) => {
    t.is(readRange(header, size).kind, 'unsatisfiable')
  })
}

test('says what is wrong with a range that ends before it starts', (t) => {
  t.like(readRange('bytes=9-3', size), {
    why: 'the byte range "9-3" can not be served: its end is before its start',
  })
})

test('empty content is whole whatever the range', (t) => {
  t.deepEqual(readRange('bytes=0-', 0), { kind: 'whole' })
})

test('whatever the header, a part lies within the content and is not empty', (t) => {
  const spec = fc.tuple(fc.constantFrom('', '0', '7', '999', '1000', '99999999999999999999'), fc.nat(2000))
  const header = fc.oneof(
    fc.string(),
    fc.string().map((text) => `bytes=${text}`),
    fc.array(spec.map(([first, last]) => `${first}-${last}`)).map((specs) => `bytes=${specs.join(',')}`),
  )
  fc.assert(
    fc.property(header, fc.nat(3000), (text, length) => {
      const found = readRange(text, length)
      if (found.kind !== 'part') return true
      const { start, end } = found.range
      return Number.isInteger(start) && start >= 0 && start < end && end <= length
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
