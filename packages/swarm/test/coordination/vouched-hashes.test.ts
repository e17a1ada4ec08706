import test from 'ava'
import { decodeVouched, encodeVouched, VouchedHashes } from '../../dist/coordination/vouched-hashes.js'

const hashOf = (value: number) => new Uint8Array(32).fill(value)

test('the first word about a chunk stands', (t) => {
  const hashes = new VouchedHashes()
  t.true(hashes.add({ index: 0, hash: hashOf(1), voucher: 'a' }))
  t.false(hashes.add({ index: 0, hash: hashOf(2), voucher: 'b' }))
  t.deepEqual(hashes.slice(0), [{ index: 0, hash: hashOf(1), voucher: 'a' }])
})

test('hashes come out of a message as they went in, voucher by voucher', (t) => {
  const hashes = [
    { index: 3, hash: hashOf(3), voucher: 'a' },
    { index: 1, hash: hashOf(1), voucher: 'b' },
    { index: 2, hash: hashOf(2), voucher: 'a' },
  ]
  const groups = encodeVouched(hashes)
  t.is(groups.length, 2)
  t.deepEqual(
    decodeVouched(groups).sort((one, other) => one.index - other.index),
    hashes.sort((one, other) => one.index - other.index),
  )
})

test('a group with too few hashes for its chunks is left out', (t) => {
  t.deepEqual(decodeVouched([{ voucher: 'a', indexes: [1, 2], hashes: hashOf(1) }]), [])
})
