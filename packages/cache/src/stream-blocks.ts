import type { ByteRange } from '@shoal/content'
import { blockBytes } from './block-sums.ts'

/** Enough to keep a disk that is slow to answer busy while the client is sent to; 1 MiB for each stream. */
const piecesAhead = 4

/**
 * Reads a range in pieces of at most a block that end where blocks do, some of them ahead of the reader.
 * At most so many are in memory, whatever the range.
 */
export async function* streamBlocks(
  { start, end }: ByteRange,
  read: (piece: ByteRange) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const ahead: Promise<Uint8Array>[] = []
  let position = start
  try {
    for (;;) {
      while (position < end && ahead.length < piecesAhead) {
        const pieceEnd = Math.min(end, position - (position % blockBytes) + blockBytes)
        const reading = read({ start: position, end: pieceEnd })
        reading.catch(() => undefined) // thrown below, when its turn comes
        ahead.push(reading)
        position = pieceEnd
      }
      const next = ahead.shift()
      if (next === undefined) return
      yield await next
    }
  } finally {
    await Promise.allSettled(ahead) // so that nothing reads after the stream has ended
  }
}
