import { statfs } from 'node:fs/promises'
import { StoreError } from '@shoal/content'
import type { AbstractLevel } from 'abstract-level'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { storeError } from './store-errors.ts'

/** One change of the index. {@link Table} makes them, {@link IndexDatabase.commit} applies them. */
export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

type Database = AbstractLevel<string | Buffer | Uint8Array, string, Uint8Array>

interface Batch {
  readonly operations: Operation[]
  sync: boolean
  readonly done: Promise<void>
}

/** LevelDB holds 4 MiB in its log and writes as much again as a table; twice that makes room for a compaction. */
const minFreeBytes = 16 * 1024 * 1024

/** Each read crosses to another thread and back, which is what a listing's time goes to. */
const rowsAtATime = 256

/**
 * LevelDB as the index uses it: writes that arrive while one is under way share the next (a group commit, so
 * a mark costs no write of its own), and a write that failed does no lasting harm.
 */
export class IndexDatabase {
  readonly #db: Database
  /** Undefined for one in memory. */
  readonly #path: string | undefined
  /** Fulfilled while reads may go ahead; replaced while the database reopens. */
  #ready: Promise<void> = Promise.resolve()
  #next: Batch | undefined
  /** What was committed and is not written yet: reads have it, so that who commits need not wait. */
  readonly #unwritten = new Map<string, { readonly value: Uint8Array | undefined; readonly batch: Batch }>()
  #writing: Promise<unknown> = Promise.resolve()
  #failed = false
  #closed: Promise<void> | undefined

  private constructor(db: Database, path: string | undefined) {
    this.#db = db
    this.#path = path
  }

  /** @throws what LevelDB says, its code unwrapped: LEVEL_LOCKED, LEVEL_CORRUPTION, LEVEL_IO_ERROR */
  static async open(path: string): Promise<IndexDatabase> {
    const db = new Level<string, Uint8Array>(path, { valueEncoding: 'view' })
    await openLevel(db)
    return new IndexDatabase(db, path)
  }

  static async inMemory(): Promise<IndexDatabase> {
    const db = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view', storeEncoding: 'view' })
    await openLevel(db)
    return new IndexDatabase(db, undefined)
  }

  /** What was committed last, also before it is written. */
  async get(key: string): Promise<Uint8Array | undefined> {
    const unwritten = this.#unwritten.get(key)
    if (unwritten !== undefined) return unwritten.value
    return this.#read(() => this.#db.get(key))
  }

  /** Rows whose key starts with `prefix`, which ends in an ASCII character, in order of their keys. */
  async *entries(prefix: string): AsyncGenerator<[key: string, value: Uint8Array]> {
    const iterator = await this.#read(async () => this.#db.iterator(rangeOf(prefix)))
    try {
      for (;;) {
        const entries = await this.#read(() => iterator.nextv(rowsAtATime))
        if (entries.length === 0) return
        yield* entries
      }
    } finally {
      await iterator.close()
    }
  }

  async *keys(prefix: string): AsyncGenerator<string> {
    const iterator = await this.#read(async () => this.#db.keys(rangeOf(prefix)))
    try {
      for (;;) {
        const keys = await this.#read(() => iterator.nextv(rowsAtATime))
        if (keys.length === 0) return
        yield* keys
      }
    } finally {
      await iterator.close()
    }
  }

  /**
   * Applies the operations together or not at all, after all that were committed before. With `sync` they
   * survive a power loss; without, the end of this process.
   *
   * @throws StoreError `disk-full`, `not-writable`, `closed`
   */
  async commit(operations: readonly Operation[], { sync = false } = {}): Promise<void> {
    if (this.#closed !== undefined) throw closedError()
    this.#next ??= this.#schedule()
    const batch = this.#next
    batch.operations.push(...operations)
    batch.sync ||= sync
    for (const operation of operations) {
      const value = operation.type === 'put' ? operation.value : undefined
      this.#unwritten.set(operation.key, { value, batch })
    }
    return batch.done
  }

  async close(): Promise<void> {
    this.#closed ??= this.#writing.then(() => this.#db.close())
    return this.#closed
  }

  #schedule(): Batch {
    const done = this.#writing.then(() => {
      this.#next = undefined
      return this.#write(batch)
    })
    const batch: Batch = { operations: [], sync: false, done }
    this.#writing = Promise.allSettled([done]) // whoever commits gets the failure; the next batch only waits
    return batch
  }

  async #write(batch: Batch): Promise<void> {
    const { operations, sync } = batch
    try {
      if (this.#failed) await this.#reopen()
      const options = { sync, valueEncoding: 'view' }
      await this.#db.batch(operations, options)
    } catch (cause) {
      this.#failed = true
      throw await this.#writeError(cause)
    } finally {
      for (const { key } of batch.operations) {
        if (this.#unwritten.get(key)?.batch === batch) this.#unwritten.delete(key)
      }
    }
  }

  /**
   * After a failed write LevelDB either refuses all others, or goes on behind a torn record of its log and
   * loses what follows at the next start. Opening it again ends both.
   */
  async #reopen(): Promise<void> {
    if ((await this.#freeBytes()) < minFreeBytes) throw this.#diskFull()
    const reopened = this.#db.close().then(() => openLevel(this.#db))
    this.#ready = Promise.allSettled([reopened]).then(() => undefined) // a read then says itself what is wrong
    await reopened
    this.#failed = false
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    for (let ready: unknown; ready !== this.#ready; ) {
      ready = this.#ready
      await ready
    }
    try {
      return await read()
    } catch (cause) {
      if (this.#closed !== undefined) throw closedError()
      throw storeError(`reading the index ${this.#path}`, cause, 'unreadable')
    }
  }

  /** LevelDB gives the system's reason as text only, so a full disk is told by its free space. */
  async #writeError(cause: unknown): Promise<StoreError> {
    if (cause instanceof StoreError) return cause
    if ((await this.#freeBytes()) < minFreeBytes) return this.#diskFull(cause)
    return storeError(`writing the index ${this.#path}`, cause, 'not-writable')
  }

  #diskFull(cause?: unknown): StoreError {
    return new StoreError(
      'disk-full',
      `writing the index ${this.#path} failed: less than ${minFreeBytes} bytes are free; free some space on its file system`,
      { cause },
    )
  }

  async #freeBytes(): Promise<number> {
    if (this.#path === undefined) return Number.POSITIVE_INFINITY
    const { bavail, bsize } = await statfs(this.#path)
    return bavail * bsize
  }
}

async function openLevel(db: Database): Promise<void> {
  try {
    await db.open()
  } catch (error) {
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error
  }
}

function rangeOf(prefix: string): { gte: string; lt: string } {
  const last = prefix.length - 1
  return { gte: prefix, lt: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1) }
}

function closedError(): StoreError {
  return new StoreError('closed', 'the cache is stopped')
}
