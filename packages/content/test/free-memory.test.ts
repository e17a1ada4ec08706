import test from 'ava'
import { freeMemory } from '../dist/free-memory.js'

test('bytes with a buffer to themselves are gone, others stay', (t) => {
  const own = Buffer.allocUnsafeSlow(1_000)
  freeMemory(own)
  t.is(own.length, 0)
  t.is(own.buffer.byteLength, 0)
  const shared = Buffer.from('part of a pool')
  freeMemory(shared)
  t.is(shared.toString(), 'part of a pool')
  const whole = new Uint8Array(10).fill(7)
  freeMemory(whole.subarray(0, 5))
  t.deepEqual([...whole], new Array(10).fill(7))
  t.notThrows(() => freeMemory(new Uint8Array(new SharedArrayBuffer(8))))
})
