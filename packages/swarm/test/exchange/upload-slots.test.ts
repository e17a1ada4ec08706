import test from 'ava'
import { UploadSlots } from '../../dist/exchange/upload-slots.js'

const MiB = 1024 * 1024

/** After some seconds at a steady rate. */
function slotsAt(rate: { readonly chunksPerSecond: number; readonly chunkBytes: number }): number {
  const slots = new UploadSlots(0)
  for (let n = 1; n <= 5 * rate.chunksPerSecond; n++) {
    slots.sent(rate.chunkBytes, (n * 1000) / rate.chunksPerSecond)
  }
  return slots.count
}

test('a node sends twelve chunks at a time before it knows how fast it can', (t) => {
  t.is(new UploadSlots(0).count, 12)
})

test('on a slow link it sends no more than that', (t) => {
  t.is(slotsAt({ chunksPerSecond: 9, chunkBytes: MiB / 4 }), 12)
})

test('where many chunks are on their way while messages travel, it sends more', (t) => {
  t.is(slotsAt({ chunksPerSecond: 120, chunkBytes: MiB }), 18)
})

test('what is in memory at the same time has a limit', (t) => {
  t.is(slotsAt({ chunksPerSecond: 1_000, chunkBytes: MiB }), 24)
})
