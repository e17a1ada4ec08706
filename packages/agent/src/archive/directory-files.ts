import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { systemCodeOf } from '../readable-fault.ts'
import type { FileSet } from './file-set.ts'

const readBytes = 1024 * 1024

/** The files of a directory. */
export class DirectoryFiles implements FileSet {
  readonly name: string

  constructor(path: string) {
    this.name = path
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      const stats = await stat(join(this.name, path))
      return stats.isFile() ? stats.size : undefined
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  read(path: string): AsyncIterable<Uint8Array> {
    return createReadStream(join(this.name, path), { highWaterMark: readBytes })
  }

  placeOf(path: string): string {
    return resolve(this.name, path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open between reads.
  }
}
