/** Notes the time and the CPU that one end of a transfer takes, from its first byte to its last. */
export interface Meter {
  start(): void
  stop(): void
}

/** One way to send bytes from one process to another. Each end runs in a process of its own. */
export interface Contender {
  /** Listens, and sends `totalBytes` to whoever connects. Returns where. */
  serve(totalBytes: number, meter: Meter): Promise<string>
  /** Fetches all from there, into buffers as long as a chunk. Returns the number of bytes. */
  receive(address: string, meter: Meter): Promise<number>
}

/** The longest chunk of a blob. */
export const chunkBytes = 4 * 1024 * 1024
/** What is handed to a stream or socket at a time, where that is for the application to choose. */
export const pieceBytes = 256 * 1024

/** Puts the bytes of a transfer together to chunks, as a download must, and keeps none. */
export class ChunkSink {
  readonly #chunk = Buffer.allocUnsafeSlow(chunkBytes)
  /** Bytes that came in. */
  received = 0

  add(piece: Uint8Array): void {
    for (let taken = 0; taken < piece.length; ) {
      const offset = this.received % chunkBytes
      const part = piece.subarray(taken, taken + chunkBytes - offset)
      this.#chunk.set(part, offset)
      taken += part.length
      this.received += part.length
    }
  }
}
