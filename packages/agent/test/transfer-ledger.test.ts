import { parseDigest } from '@shoal/content'
import test from 'ava'
import { TransferLedger } from '../dist/transfer-ledger.js'
import { recordingLogger } from './fixture.ts'

const digest = parseDigest(`sha256:${'a'.repeat(64)}`)
const other = parseDigest(`sha256:${'b'.repeat(64)}`)

test('bytes are added up by where they came from', (t) => {
  const ledger = new TransferLedger(recordingLogger().log)
  ledger.record({ type: 'received', digest, source: 'upstream', bytes: 5 })
  ledger.record({ type: 'received', digest: other, source: 'upstream', bytes: 6 })
  ledger.record({ type: 'received', digest, source: 'peer', bytes: 7, peer: 'p' })
  ledger.record({ type: 'received', digest, source: 'cache', bytes: 8 })
  ledger.record({ type: 'served', digest, bytes: 9, peer: 'p' })
  t.deepEqual(ledger.totals, { fromUpstream: 11, fromPeers: 7, fromCache: 8, servedToPeers: 9 })
})

test('a completed pull is one line that says where its bytes came from', (t) => {
  const { log, lines } = recordingLogger('info')
  const ledger = new TransferLedger(log)
  ledger.record({ type: 'received', digest, source: 'upstream', bytes: 5 })
  ledger.record({ type: 'received', digest: other, source: 'peer', bytes: 100, peer: 'p' })
  ledger.record({ type: 'received', digest, source: 'peer', bytes: 7, peer: 'p' })
  ledger.record({ type: 'completed', digest, size: 12, seconds: 0.5 })
  t.is(lines.length, 1)
  t.like(lines[0], {
    level: 'info',
    msg: 'pull completed',
    digest,
    size: 12,
    seconds: 0.5,
    fromUpstream: 5,
    fromPeers: 7,
  })
})

test('a failed pull starts the tally of its digest anew', (t) => {
  const { log, lines } = recordingLogger('info')
  const ledger = new TransferLedger(log)
  ledger.record({ type: 'received', digest, source: 'upstream', bytes: 5 })
  ledger.record({ type: 'failed', digest, reason: 'no route' })
  ledger.record({ type: 'completed', digest, size: 0, seconds: 1 })
  t.like(lines[0], { level: 'warn', msg: 'pull failed', digest, reason: 'no route' })
  t.like(lines[1], { msg: 'pull completed', fromUpstream: 0 })
})

test('a peer that lied is named in a warning', (t) => {
  const { log, lines } = recordingLogger('warn')
  new TransferLedger(log).record({ type: 'peer-lied', digest, peer: '12D3Liar', chunk: 3 })
  t.like(lines[0], {
    level: 'warn',
    msg: 'peer sent wrong bytes and was banned',
    peer: '12D3Liar',
    chunk: 3,
    digest,
  })
})

test('a peer that stalled is named in a warning', (t) => {
  const { log, lines } = recordingLogger('warn')
  new TransferLedger(log).record({ type: 'peer-stalled', digest, peer: '12D3Slow' })
  t.like(lines[0], { level: 'warn', peer: '12D3Slow' })
})
