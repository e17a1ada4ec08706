import test from 'ava'
import { PieceSize } from '../../dist/exchange/piece-size.js'
import { pieceBytes } from '../../dist/host/message-stream.js'

const chunkBytes = 256 * 1024

test('pieces are small before the way is known', (t) => {
  t.is(new PieceSize().bytes, 16 * 1024)
})

for (const [way, tookMs, bytes] of [
  ['a fast way a chunk goes in one piece', 20, pieceBytes],
  ['a thin way pieces take a quarter of a second', 2_560, 25_600],
  ['a way that hardly moves pieces are not worth less than their headers', 60_000, 4 * 1024],
] as const) {
  test(`on ${way}`, (t) => {
    const size = new PieceSize()
    size.arrived(chunkBytes, 1_000, 1_000 + tookMs)
    t.is(size.bytes, bytes)
  })
}

test('the time that a chunk waited behind the one before is not its own', (t) => {
  const size = new PieceSize()
  size.arrived(chunkBytes, 0, 2_560)
  size.arrived(chunkBytes, 10, 2 * 2_560)
  t.is(size.bytes, 25_600)
})

test('chunks that are in at the same instant go in one piece from then on', (t) => {
  const size = new PieceSize()
  size.arrived(chunkBytes, 0, 0)
  t.is(size.bytes, pieceBytes)
})
