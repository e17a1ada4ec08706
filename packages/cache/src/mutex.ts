/** Runs tasks one after the other, in the order of their arrival. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task)
    this.#last = Promise.allSettled([result]) // the caller gets the failure; the next task only waits
    return result
  }
}

/** A {@link Mutex} for each key, kept while someone uses it. */
export class KeyedMutex<K> {
  readonly #entries = new Map<K, { readonly mutex: Mutex; users: number }>()

  async run<T>(key: K, task: () => Promise<T>): Promise<T> {
    const entry = this.#entries.get(key) ?? { mutex: new Mutex(), users: 0 }
    this.#entries.set(key, entry)
    entry.users++
    try {
      return await entry.mutex.run(task)
    } finally {
      if (--entry.users === 0) this.#entries.delete(key)
    }
  }
}
