import type { Stats } from 'node:fs'
import { type ByteRange, type ChunkLayout, InvalidInputError, StoreError } from '@shoal/content'
import type { OpenFile } from './file-layer.ts'
import { storeError } from './store-errors.ts'

/** The bytes of one blob, complete or partial, through one open file. Names the blob in every error. */
export class BlobFile {
  readonly #handle: OpenFile
  readonly #name: string
  #closed: Promise<void> | undefined

  /** @param name what the file holds, for errors */
  constructor(handle: OpenFile, name: string) {
    this.#handle = handle
    this.#name = name
  }

  /** @throws StoreError `closed`, `disk-full`, `not-writable` */
  async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    this.assertOpen()
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done)
        done += bytesWritten
      }
    } catch (cause) {
      throw storeError(`writing ${bytes.length} bytes of ${this.#name}`, cause, 'not-writable')
    }
  }

  /**
   * Fills `target` from `position` on.
   *
   * @throws StoreError `closed`, or `unreadable` when the file ends earlier
   */
  async readInto(target: Uint8Array, position: number): Promise<void> {
    this.assertOpen()
    for (let done = 0; done < target.length; ) {
      const bytesRead = await this.#read(target.subarray(done), position + done)
      if (bytesRead === 0) {
        throw new StoreError(
          'unreadable',
          `reading ${this.#name}: its file ends at byte ${position + done}, before byte ${position + target.length}`,
        )
      }
      done += bytesRead
    }
  }

  /** The range into a buffer of its own. */
  async read({ start, end }: ByteRange): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(end - start)
    await this.readInto(bytes, start)
    return bytes
  }

  async hasSize(bytes: number): Promise<boolean> {
    const stats = await this.stats()
    return stats.isFile() && stats.size === bytes
  }

  /** Of the open file, which need not be the one that has its name by now. */
  stats(): Promise<Stats> {
    return this.#handle.stat()
  }

  /** Puts what was written on the disk. */
  async sync(): Promise<void> {
    try {
      await this.#handle.datasync()
    } catch (cause) {
      throw storeError(`writing ${this.#name} to disk`, cause, 'not-writable')
    }
  }

  /** Waits for reads and writes under way. */
  close(): Promise<void> {
    this.#closed ??= this.#handle.close()
    return this.#closed
  }

  /** @throws StoreError `closed` */
  assertOpen(): void {
    if (this.#closed !== undefined) throw new StoreError('closed', `${this.#name} is closed`)
  }

  async #read(target: Uint8Array, position: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(target, 0, target.length, position)
      return bytesRead
    } catch (cause) {
      this.assertOpen()
      throw storeError(`reading ${this.#name}`, cause, 'unreadable')
    }
  }
}

/** @throws InvalidInputError `RANGE_INVALID` unless the range lies within the blob */
export function assertRange({ start, end }: ByteRange, { size }: ChunkLayout): void {
  const ordered = Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end
  if (!ordered || end > size) {
    throw new InvalidInputError('RANGE_INVALID', `bytes ${start} to ${end} of a blob of ${size} bytes`)
  }
}
