import test from 'ava'
import { parseByteSize, parseSpaceAmount } from '../dist/config/byte-size.js'

test('a size is a whole number with a binary unit', (t) => {
  t.deepEqual(['512B', '1KiB', '50GiB', '2TiB'].map(parseByteSize), [512, 1024, 50 * 2 ** 30, 2 * 2 ** 40])
})

test('anything else is no size', (t) => {
  for (const text of ['', '50', '50GB', '-1GiB', '1.5GiB', '0GiB', '99999999999999TiB', 'GiB']) {
    t.is(parseByteSize(text), undefined, text)
  }
})

test('an amount of space is a size or a share of the file system', (t) => {
  t.deepEqual(parseSpaceAmount('1KiB'), { bytes: 1024 })
  t.deepEqual(parseSpaceAmount('80%'), { percent: 80 })
  t.deepEqual(parseSpaceAmount('0'), { bytes: 0 })
  for (const text of ['101%', '-1%', '%', '5.5%', '50']) t.is(parseSpaceAmount(text), undefined, text)
})
