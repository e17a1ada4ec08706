import { pieceBytes } from '../host/message-stream.ts'

/** So often at least a requester is to see that a chunk moves: where it sees nothing for a second, it asks others. */
const pieceMs = 250
/** Until the way's rate is known: a fifteenth of a link of 10 Mbit/s brings this in time. */
const firstPieceBytes = 16 * 1024
const leastPieceBytes = 4 * 1024

/**
 * In how large pieces chunks go out to one requester. It sees of a piece nothing before all of it is there: on a fast way
 * a chunk goes in one, which costs the least, and on a thin one in many.
 */
export class PieceSize {
  #bytesPerMs = firstPieceBytes / pieceMs
  #freeAtMs = 0

  get bytes(): number {
    return Math.round(Math.min(pieceBytes, Math.max(leastPieceBytes, this.#bytesPerMs * pieceMs)))
  }

  /** The requester says that it has a chunk, or some, that were handed to the system at `sentAtMs`. */
  arrived(bytes: number, sentAtMs: number, nowMs: number): void {
    // It may have waited behind the one before.
    const tookMs = nowMs - Math.max(sentAtMs, this.#freeAtMs)
    this.#freeAtMs = nowMs
    this.#bytesPerMs = bytes / Math.max(1, tookMs)
  }
}
