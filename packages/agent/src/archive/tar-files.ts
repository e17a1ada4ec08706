import { type FileHandle, open } from 'node:fs/promises'
import { posix } from 'node:path'
import { Header, Pax } from 'tar'
import { ArchiveError } from './archive-error.ts'
import type { FileSet } from './file-set.ts'

const blockBytes = 512
const readBytes = 1024 * 1024
/** Paths of archives of images have up to 150 characters; headers that say otherwise are of something else. */
const maxExtensionBytes = 64 * 1024
/** An image has tens of files. */
const maxEntries = 100_000
const maxLinks = 8

type Entry =
  | { readonly start: number; readonly size: number }
  /** To another entry. */
  | { readonly target: string }

/** The files of a plain tar archive, read where they lie. */
export class TarFiles implements FileSet {
  readonly name: string
  readonly #handle: FileHandle
  readonly #entries: ReadonlyMap<string, Entry>

  private constructor(name: string, handle: FileHandle, entries: ReadonlyMap<string, Entry>) {
    this.name = name
    this.#handle = handle
    this.#entries = entries
  }

  /**
   * @param name - for messages
   * @throws ArchiveError when it is no tar archive
   */
  static async open(path: string, name = path): Promise<TarFiles> {
    const handle = await open(path, 'r')
    try {
      return new TarFiles(name, handle, await readEntries(handle, name))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async sizeOf(path: string): Promise<number | undefined> {
    return this.#find(path)?.size
  }

  async *read(path: string): AsyncGenerator<Uint8Array> {
    const { start, size } = this.#find(path) ?? { start: 0, size: 0 }
    for (let done = 0; done < size; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, size - done))
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, start + done)
      if (bytesRead === 0) throw new ArchiveError(`${this.name} ends within ${path}`)
      done += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  placeOf(): undefined {
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  #find(path: string): { start: number; size: number } | undefined {
    let entry = this.#entries.get(posix.normalize(path))
    for (let followed = 0; entry !== undefined && 'target' in entry; followed++) {
      if (followed === maxLinks) return undefined
      entry = this.#entries.get(entry.target)
    }
    return entry
  }
}

async function readEntries(handle: FileHandle, name: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>()
  const { size: length } = await handle.stat()
  let extended: { path?: string; linkpath?: string; size?: number } = {}
  for (let position = 0; position + blockBytes <= length; ) {
    const header = new Header(await readExactly(handle, position, blockBytes))
    if (header.nullBlock) break
    if (!header.cksumValid)
      throw new ArchiveError(`${name} is no tar archive, or damaged at byte ${position}`)
    const start = position + blockBytes
    const size = extended.size ?? header.size ?? 0
    position = start + Math.ceil(size / blockBytes) * blockBytes
    if (header.type === 'ExtendedHeader' || header.type === 'NextFileHasLongPath') {
      if (size > maxExtensionBytes) throw new ArchiveError(`${name}: a header of ${size} bytes`)
      const text = (await readExactly(handle, start, size)).toString()
      extended = { ...extended, ...extensionIn(header.type, text) }
      continue
    }
    const path = posix.normalize(extended.path ?? header.path ?? '')
    const link = extended.linkpath ?? header.linkpath ?? ''
    extended = {}
    if (header.type === 'File' || header.type === 'OldFile') entries.set(path, { start, size })
    // Symbolic links start from where they are, hard links from the root of the archive.
    else if (header.type === 'SymbolicLink') {
      entries.set(path, { target: posix.normalize(posix.join(posix.dirname(path), link)) })
    } else if (header.type === 'Link') entries.set(path, { target: posix.normalize(link) })
    if (entries.size > maxEntries)
      throw new ArchiveError(`${name} has more than ${maxEntries} files: no image`)
    if (position > length)
      throw new ArchiveError(`${name} is cut short: ${path} should go on to byte ${position}`)
  }
  return entries
}

function extensionIn(type: string, text: string): { path?: string; linkpath?: string; size?: number } {
  if (type === 'NextFileHasLongPath') return { path: text.replace(/\0.*$/s, '') }
  const { path, linkpath, size } = Pax.parse(text)
  return { ...(path && { path }), ...(linkpath && { linkpath }), ...(size !== undefined && { size }) }
}

async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await handle.read(bytes, 0, length, position)
  if (bytesRead < length) throw new ArchiveError('a tar archive is cut short')
  return bytes
}
