/** How many use each thing at the moment. */
export class UseCount<K> {
  readonly #counts = new Map<K, number>()

  has(key: K): boolean {
    return this.#counts.has(key)
  }

  /** Returns how to say that the use has ended; calling that again does nothing. */
  begin(key: K): () => void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let ended = false
    return () => {
      if (ended) return
      ended = true
      const left = (this.#counts.get(key) ?? 1) - 1
      if (left === 0) this.#counts.delete(key)
      else this.#counts.set(key, left)
    }
  }
}
