import test from 'ava'
import { landedDelayMs, minNewsIntervalMs } from '../../dist/coordination/news-interval.js'

const newsDelayMs = 400
const elsewhere = { isLocal: false, wasLeased: true, isLast: false, newsDelayMs }

test('a coordinator on this node is told at once, whatever landed', (t) => {
  t.is(landedDelayMs({ ...elsewhere, isLocal: true }), 0)
  t.is(landedDelayMs({ ...elsewhere, isLocal: true, wasLeased: false }), 0)
})

test('one elsewhere is told at once when this node has nothing left to fetch, and soon of what it leased', (t) => {
  t.is(landedDelayMs({ ...elsewhere, isLast: true }), 0)
  t.is(landedDelayMs(elsewhere), minNewsIntervalMs)
})

test('what came from a peer waits as long as the coordinator asks for, though it be the last', (t) => {
  t.is(landedDelayMs({ ...elsewhere, wasLeased: false }), newsDelayMs)
  t.is(landedDelayMs({ ...elsewhere, wasLeased: false, isLast: true }), newsDelayMs)
})
