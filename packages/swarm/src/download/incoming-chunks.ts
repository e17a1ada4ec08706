/**
 * What has come in of chunks that upstream is sending and that are not whole: a client that has nothing yet is given it
 * at once, as upstream itself would.
 */
export class IncomingChunks {
  readonly #chunks = new Map<number, Uint8Array>()
  readonly #listeners = new Set<() => void>()

  /** The beginning of the chunk, as far as it is here; its memory is reused after {@link ended}. */
  received(index: number, bytes: Uint8Array): void {
    this.#chunks.set(index, bytes)
    for (const listener of this.#listeners) listener()
  }

  /** It is whole, or no more of it will come this way. */
  ended(index: number): void {
    this.#chunks.delete(index)
  }

  /** Valid until the next turn of the event loop. */
  bytesOf(index: number): Uint8Array | undefined {
    return this.#chunks.get(index)
  }

  /** Calls the listener when more has come of any chunk. Returns what ends that. */
  onMore(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
