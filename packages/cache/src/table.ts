import type { IndexDatabase, Operation } from './index-database.ts'
import type { RowCodec } from './row.ts'

/** Rows of one kind, apart from all others by the prefix of their keys. */
export class Table<V> {
  readonly #db: IndexDatabase
  readonly #prefix: string
  readonly #codec: RowCodec<V>

  /** `name` must not contain `!`, which ends it in a key. */
  constructor(db: IndexDatabase, name: string, codec: RowCodec<V>) {
    this.#db = db
    this.#prefix = `${name}!`
    this.#codec = codec
  }

  /** Undefined too for a row that is damaged. */
  async get(key: string): Promise<V | undefined> {
    const row = await this.#db.get(this.#prefix + key)
    return row === undefined ? undefined : this.#codec.decode(row)
  }

  /** Rows whose key starts with `prefix`, in order of their keys; the value of a damaged one is undefined. */
  async *entries(prefix = ''): AsyncGenerator<[key: string, value: V | undefined]> {
    for await (const [key, row] of this.#db.entries(this.#prefix + prefix)) {
      yield [key.slice(this.#prefix.length), this.#codec.decode(row)]
    }
  }

  async *keys(prefix = ''): AsyncGenerator<string> {
    for await (const key of this.#db.keys(this.#prefix + prefix)) yield key.slice(this.#prefix.length)
  }

  put(key: string, value: V): Operation {
    return { type: 'put', key: this.#prefix + key, value: this.#codec.encode(value) }
  }

  del(key: string): Operation {
    return { type: 'del', key: this.#prefix + key }
  }
}
