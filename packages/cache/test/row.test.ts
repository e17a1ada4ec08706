import test from 'ava'
import fc from 'fast-check'
import { blobRow, bytesRow, numberRow, tagRow } from '../dist/row.js'
import { makeBlob } from './fixture.ts'

const { descriptor } = makeBlob(100)

test('bytes come back as they were', (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      return Buffer.from(bytesRow.decode(bytesRow.encode(bytes)) ?? []).equals(bytes)
    }),
  )
  t.pass()
})

test('a row of which one bit changed is not decoded', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, at) => {
      const row = Buffer.from(bytesRow.encode(bytes))
      const bit = at % (row.length * 8)
      row.writeUInt8(row.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      return bytesRow.decode(row) === undefined
    }),
  )
  t.pass()
})

test('no garbage decodes as anything, or throws', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      return [numberRow, blobRow, tagRow].every((codec) => codec.decode(bytes) === undefined)
    }),
  )
  t.pass()
})

test('nor does any JSON of the wrong shape', (t) => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const row = bytesRow.encode(Buffer.from(json))
      return blobRow.decode(row) === undefined && tagRow.decode(row) === undefined
    }),
  )
  t.pass()
})

for (const wrong of [
  { size: -1, mediaType: 'x' },
  { size: 1.5, mediaType: 'x' },
  { size: '1', mediaType: 'x' },
  { size: 1, mediaType: null },
  { size: 1 },
  [],
  null,
]) {
  test(`${JSON.stringify(wrong)} is no row of a blob`, (t) => {
    t.is(blobRow.decode(bytesRow.encode(Buffer.from(JSON.stringify(wrong)))), undefined)
  })
}

const wrongTags: [string, unknown][] = [
  ['a day in words', { descriptor, resolvedAt: 'today' }],
  ['a digest that is a path', { descriptor: { ...descriptor, digest: 'sha256:../..' }, resolvedAt: 1 }],
  ['a digest that is no text', { descriptor: { ...descriptor, digest: 7 }, resolvedAt: 1 }],
  ['a negative size', { descriptor: { ...descriptor, size: -1 }, resolvedAt: 1 }],
  ['a media type that is no text', { descriptor: { ...descriptor, mediaType: 7 }, resolvedAt: 1 }],
  ['no descriptor', { resolvedAt: 1 }],
]
for (const [what, wrong] of wrongTags) {
  test(`a tag with ${what} is not decoded`, (t) => {
    t.is(tagRow.decode(bytesRow.encode(Buffer.from(JSON.stringify(wrong)))), undefined)
  })
}

test('text that is not UTF-8 is no row', (t) => {
  t.is(blobRow.decode(bytesRow.encode(Uint8Array.of(0xff, 0xfe))), undefined)
})
