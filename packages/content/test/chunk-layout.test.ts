import test from 'ava'
import fc from 'fast-check'
import { ChunkLayout } from '../dist/chunk-layout.js'

const KiB = 1024
const MiB = 1024 * KiB

for (const [size, chunkLength, count] of [
  [0, 256 * KiB, 0],
  [1, 256 * KiB, 1],
  [256 * KiB, 256 * KiB, 1],
  [256 * KiB + 1, 256 * KiB, 2],
  [256 * MiB, 256 * KiB, 1024],
  [256 * MiB + 1, 512 * KiB, 513],
  [1024 * MiB, 1 * MiB, 1024],
  [4096 * MiB, 4 * MiB, 1024],
  [10_240 * MiB, 4 * MiB, 2560],
] as const) {
  test(`a blob of ${size} bytes is ${count} chunks of ${chunkLength}`, (t) => {
    const layout = new ChunkLayout(size)
    t.is(layout.chunkLength, chunkLength)
    t.is(layout.count, count)
  })
}

test('chunks cover a blob without gap or overlap', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 * MiB }), (size) => {
      const layout = new ChunkLayout(size)
      let end = 0
      for (let index = 0; index < layout.count; index++) {
        const range = layout.rangeOf(index)
        if (range.start !== end || range.end <= range.start || layout.indexAt(range.end - 1) !== index)
          return false
        end = range.end
      }
      return end === size
    }),
  )
  t.pass()
})

for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 43]) {
  test(`a size of ${size} is refused`, (t) => {
    t.throws(() => new ChunkLayout(size), { name: 'InvalidInputError', code: 'SIZE_INVALID' })
  })
}
