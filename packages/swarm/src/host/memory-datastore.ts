import { NotFoundError } from '@libp2p/interface'
import type { AbortOptions } from '@shoal/content'
import { type Batch, type Datastore, Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'

type Source<T> = Iterable<T> | AsyncIterable<T>

/**
 * A datastore in memory whose keys are sorted, so that a query by prefix touches only what it returns. libp2p's
 * own scans every record: 80 ms for each look-up in the DHT once there are 100,000 of them.
 */
export class MemoryDatastore implements Datastore {
  readonly #values = new Map<string, Uint8Array>()
  /** The keys of `#values` in order. */
  readonly #keys: string[] = []

  put(key: Key, value: Uint8Array): Key {
    const name = key.toString()
    if (!this.#values.has(name)) this.#keys.splice(this.#firstAtOrAfter(name), 0, name)
    this.#values.set(name, value)
    return key
  }

  get(key: Key): Uint8Array {
    const value = this.#values.get(key.toString())
    if (value === undefined) throw new NotFoundError(`no record ${key}`)
    return value
  }

  has(key: Key): boolean {
    return this.#values.has(key.toString())
  }

  delete(key: Key): void {
    const name = key.toString()
    if (this.#values.delete(name)) this.#keys.splice(this.#firstAtOrAfter(name), 1)
  }

  async *putMany(source: Source<Pair>): AsyncGenerator<Key> {
    for await (const { key, value } of source) yield this.put(key, value)
  }

  async *getMany(source: Source<Key>): AsyncGenerator<Pair> {
    for await (const key of source) yield { key, value: this.get(key) }
  }

  async *deleteMany(source: Source<Key>): AsyncGenerator<Key> {
    for await (const key of source) {
      this.delete(key)
      yield key
    }
  }

  batch(): Batch {
    const steps: (() => void)[] = []
    return {
      put: (key, value) => steps.push(() => this.put(key, value)),
      delete: (key) => steps.push(() => this.delete(key)),
      commit: () => {
        for (const step of steps.splice(0)) step()
      },
    }
  }

  *query(query: Query, options?: AbortOptions): Generator<Pair> {
    const pairs = this.#withPrefix(query.prefix).map((name) => ({
      key: new Key(name),
      value: this.#values.get(name) ?? new Uint8Array(),
    }))
    yield* select(pairs, query, options)
  }

  *queryKeys(query: KeyQuery, options?: AbortOptions): Generator<Key> {
    const keys = this.#withPrefix(query.prefix).map((name) => new Key(name))
    yield* select(keys, query, options)
  }

  /** A copy: the store may change while a query is read. */
  #withPrefix(prefix = ''): string[] {
    const start = this.#firstAtOrAfter(prefix)
    let end = start
    while (this.#keys[end]?.startsWith(prefix)) end++
    return this.#keys.slice(start, end)
  }

  #firstAtOrAfter(name: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] ?? '') < name) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Selection<T> {
  readonly filters?: ((item: T) => boolean)[]
  readonly orders?: ((a: T, b: T) => number)[]
  readonly offset?: number
  readonly limit?: number
}

function* select<T>(items: readonly T[], selection: Selection<T>, options?: AbortOptions): Generator<T> {
  const { filters = [], orders = [], offset = 0, limit = Number.POSITIVE_INFINITY } = selection
  let selected = items.filter((item) => filters.every((filter) => filter(item)))
  for (const order of orders) selected = selected.toSorted(order)
  for (const item of selected.slice(offset, offset + limit)) {
    options?.signal?.throwIfAborted()
    yield item
  }
}
