/** Small against a disk's speed, large against the cost of a sync: what complete() has left to sync at most. */
const unsyncedBytes = 32 * 1024 * 1024

/** A file of which {@link WriteBehind} needs no more. */
export interface Syncable {
  /** Puts what was written on the disk. */
  sync(): Promise<void>
}

/** A sync occupies one of Node's four file threads, hence one at a time for all blobs. */
export interface SyncSlot {
  taken: boolean
}

/**
 * Puts a blob on the disk while it still arrives, so that completing it does not wait for the disk to take
 * the whole of it.
 */
export class WriteBehind {
  readonly #file: Syncable
  readonly #slot: SyncSlot
  #unsynced = 0
  #syncing: Promise<void> = Promise.resolve()
  /** The system tells of a lost write once only, so it is kept for finish(). */
  #failure: unknown

  constructor(file: Syncable, slot: SyncSlot) {
    this.#file = file
    this.#slot = slot
  }

  /** Counts bytes that were written, and at times starts a sync of them. */
  wrote(bytes: number): void {
    this.#unsynced += bytes
    if (this.#unsynced < unsyncedBytes || this.#slot.taken) return
    this.#unsynced = 0
    this.#slot.taken = true
    this.#syncing = this.#sync()
  }

  /** Waits until all of it is on the disk; throws what any sync of this file threw. */
  async finish(): Promise<void> {
    await this.#syncing
    if (this.#failure !== undefined) throw this.#failure
    await this.#file.sync()
  }

  /** Waits for a sync under way, whatever comes of it. */
  async settled(): Promise<void> {
    await this.#syncing
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.sync()
    } catch (error) {
      this.#failure ??= error
    } finally {
      this.#slot.taken = false
    }
  }
}
