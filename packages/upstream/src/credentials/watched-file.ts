import { readFile, stat } from 'node:fs/promises'

const maxFileBytes = 1024 * 1024
/** Secrets are rotated by the hour; a look at the file is cheap, but not so cheap as to do it for every chunk. */
const lookEveryMs = 1_000

/** A file that others write: read again when it has changed. */
export class WatchedFile<T> {
  readonly #paths: readonly string[]
  readonly #parse: (text: string) => T
  readonly #now: () => number
  #lookedAt = Number.NEGATIVE_INFINITY
  #version = ''
  #value: T | undefined

  /**
   * @param paths the first of them that is there counts
   * @param parse throws for what it can't read; must not quote what it was given
   */
  constructor(paths: readonly string[], parse: (text: string) => T, now: () => number = Date.now) {
    this.#paths = paths
    this.#parse = parse
    this.#now = now
  }

  /** What the file holds now; undefined while there is none. @throws Error when it can't be read */
  async read(): Promise<T | undefined> {
    if (this.#now() - this.#lookedAt < lookEveryMs) return this.#value
    this.#lookedAt = this.#now()
    for (const path of this.#paths) {
      if (await this.#readFrom(path)) return this.#value
    }
    this.#version = ''
    this.#value = undefined
    return undefined
  }

  async #readFrom(path: string): Promise<boolean> {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      if (size > maxFileBytes) throw new Error(`${path} has ${size} bytes, expected at most ${maxFileBytes}`)
      const version = `${path} ${ino} ${mtimeMs} ${size}`
      if (version === this.#version) return true
      this.#value = this.#parse(await readFile(path, 'utf8'))
      this.#version = version
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return false
      this.#version = ''
      throw code === undefined ? new Error(`${path}: ${(error as Error).message}`) : error
    }
  }
}
