import type { ByteRange } from '@shoal/content'

/**
 * Four blocks. What a piece costs beside its bytes (a trip to another thread, timers, promises) is what a warm read
 * spends its time on.
 */
const pieceBytes = 1024 * 1024

/** The next is read while one is sent: enough for a disk that is slow to answer, and little to hold for each client. */
const piecesAhead = 2

/**
 * Reads a range in pieces that end where every piece of the blob does, some of them ahead of the reader. At most so many
 * are in memory, whatever the range.
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
        const pieceEnd = Math.min(end, position - (position % pieceBytes) + pieceBytes)
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
