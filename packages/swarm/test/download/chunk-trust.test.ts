import { hash } from 'node:crypto'
import test from 'ava'
import { ChunkTrust } from '../../dist/download/chunk-trust.js'

const sha = (text: string) => hash('sha256', text, 'buffer') as Buffer<ArrayBuffer>
const truth = sha('the bytes')
const lie = sha('other bytes')

test('bytes that have the hash that the sender and the voucher name are good', (t) => {
  const trust = new ChunkTrust()
  trust.vouch({ index: 0, hash: truth, voucher: 'v' })
  t.deepEqual(trust.judge({ index: 0, peer: 'p', actual: truth, claimed: truth }), { type: 'good' })
  t.is(trust.delivererOf(0), 'p')
})

test('a sender whose bytes do not have its own hash lies', (t) => {
  const trust = new ChunkTrust()
  t.deepEqual(trust.judge({ index: 0, peer: 'p', actual: lie, claimed: truth }), { type: 'lie', peer: 'p' })
})

test('a sender and a voucher who differ are a dispute, which upstream settles against the sender', (t) => {
  const trust = new ChunkTrust()
  trust.vouch({ index: 0, hash: truth, voucher: 'v' })
  t.deepEqual(trust.judge({ index: 0, peer: 'p', actual: lie, claimed: lie }), { type: 'disputed' })
  t.deepEqual(trust.settle(0, truth), ['p'])
})

test('or against the voucher', (t) => {
  const trust = new ChunkTrust()
  trust.vouch({ index: 0, hash: lie, voucher: 'v' })
  trust.judge({ index: 0, peer: 'p', actual: truth, claimed: truth })
  t.deepEqual(trust.settle(0, truth), ['v'])
})

test('a chunk that was kept and proves false names its deliverer', (t) => {
  const trust = new ChunkTrust()
  trust.judge({ index: 0, peer: 'p', actual: lie, claimed: lie })
  t.deepEqual(trust.settle(0, truth), ['p'])
})

test('upstream bytes that agree with all name nobody', (t) => {
  const trust = new ChunkTrust()
  trust.vouch({ index: 0, hash: truth, voucher: 'v' })
  trust.judge({ index: 0, peer: 'p', actual: truth, claimed: truth })
  t.deepEqual(trust.settle(0, truth), [])
})

test('a voucher with a malformed hash is not heard', (t) => {
  const trust = new ChunkTrust()
  trust.vouch({ index: 0, hash: new Uint8Array(3), voucher: 'v' })
  t.deepEqual(trust.judge({ index: 0, peer: 'p', actual: truth, claimed: truth }), { type: 'good' })
})
