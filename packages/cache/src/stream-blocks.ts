import type { ByteRange } from '@shoal/content'

/**
 * Four blocks. What a piece costs beside its bytes (a trip to another thread, timers, promises) is what a warm read
 * spends its time on.
 */
export const pieceBytes = 1024 * 1024

/** The next is read while one is sent: enough for a disk that is slow to answer, and little to hold for each client. */
const piecesAhead = 2

export interface BlockStream {
  readonly range: ByteRange
  /** Reads a piece: into `memory`, which has room for a whole one, or into memory of its own. */
  readonly read: (piece: ByteRange, memory: Uint8Array | undefined) => Promise<Uint8Array>
  /** Whether memory is used again once the reader asks for the next piece. */
  readonly borrow: boolean
}

/**
 * Reads a range in pieces that end where every piece of the blob does, some of them ahead of the reader. At most so many
 * are in memory, whatever the range.
 */
export async function* streamBlocks({ range, read, borrow }: BlockStream): AsyncGenerator<Uint8Array> {
  const { start, end } = range
  const ahead: { readonly memory: Uint8Array | undefined; readonly reading: Promise<Uint8Array> }[] = []
  const free: Uint8Array[] = []
  let position = start
  try {
    for (;;) {
      while (position < end && ahead.length < piecesAhead) {
        const pieceEnd = Math.min(end, position - (position % pieceBytes) + pieceBytes)
        const isAlone = start === position && pieceEnd === end
        const memory = borrow && !isAlone ? (free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes)) : undefined
        const reading = read({ start: position, end: pieceEnd }, memory)
        reading.catch(() => undefined) // thrown below, when its turn comes
        ahead.push({ memory, reading })
        position = pieceEnd
      }
      const next = ahead.shift()
      if (next === undefined) return
      yield await next.reading
      if (next.memory !== undefined) free.push(next.memory)
    }
  } finally {
    await Promise.allSettled(ahead.map(({ reading }) => reading)) // so that nothing reads after the stream has ended
  }
}
