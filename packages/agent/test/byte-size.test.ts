import test from 'ava'
import { parseByteSize } from '../dist/config/byte-size.js'

test('a size is a whole number with a binary unit', (t) => {
  t.deepEqual(['512B', '1KiB', '50GiB', '2TiB'].map(parseByteSize), [512, 1024, 50 * 2 ** 30, 2 * 2 ** 40])
})

test('anything else is no size', (t) => {
  for (const text of ['', '50', '50GB', '-1GiB', '1.5GiB', '0GiB', '99999999999999TiB', 'GiB']) {
    t.is(parseByteSize(text), undefined, text)
  }
})
