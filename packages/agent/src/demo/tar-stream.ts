import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Header, type HeaderData, Pax } from 'tar'
import { systemCodeOf } from '../readable-fault.ts'
import { DemoError } from './demo-error.ts'

/** A file, directory or symbolic link as a layer has it. */
export interface TarEntry {
  /** In the image, without a leading slash. */
  readonly path: string
  readonly type: 'File' | 'Directory' | 'SymbolicLink'
  /** Permission bits. */
  readonly mode: number
  /** Bytes of content; 0 unless a file. */
  readonly size: number
  /** The file to read the content from. */
  readonly source?: string
  /** Target of a symbolic link. */
  readonly linkpath?: string
}

const blockBytes = 512
/** Small enough to keep memory flat, large enough that a file of 100 MB is not a thousand reads. */
const readBytes = 1024 * 1024
/** The same entries make the same archive, whoever builds it and whenever: 2026-01-01. */
const fixedTime = new Date('2026-01-01T00:00:00Z')

/**
 * Writes entries as a portable tar archive: no owner, no times, no order but the given. Files that this user
 * can't read are left out, as a layer of them would be useless to it.
 *
 * @throws DemoError when a file changes its size while it is read
 */
export async function* tarStream(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    if (entry.type === 'File') yield* file(entry)
    else yield header(entry)
  }
  // Two empty blocks end an archive.
  yield Buffer.alloc(2 * blockBytes)
}

async function* file(entry: TarEntry): AsyncGenerator<Uint8Array> {
  const handle = await openReadable(entry.source ?? '')
  if (handle === undefined) return
  try {
    yield header(entry)
    let read = 0
    for await (const bytes of contentOf(handle, entry.size)) {
      read += bytes.length
      yield bytes
    }
    if (read !== entry.size) {
      throw new DemoError(
        `${entry.source} changed while it was being read: ${read} bytes instead of ${entry.size}`,
      )
    }
    yield Buffer.alloc((blockBytes - (entry.size % blockBytes)) % blockBytes)
  } finally {
    await handle.close()
  }
}

/** Never more than the header promised, also from a file that grows. */
function contentOf(handle: FileHandle, size: number): AsyncIterable<Uint8Array> {
  if (size === 0) return noBytes()
  return createReadStream('', { fd: handle, autoClose: false, end: size - 1, highWaterMark: readBytes })
}

async function* noBytes(): AsyncGenerator<Uint8Array> {
  // An empty file has a header and nothing else.
}

async function openReadable(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT') return undefined
    throw error
  }
}

function header({ path, type, mode, size, linkpath = '' }: TarEntry): Uint8Array {
  const name = type === 'Directory' ? `${path}/` : path
  const data: HeaderData = { path: name, type, mode, size, linkpath, uid: 0, gid: 0, mtime: fixedTime }
  const own = new Header(data)
  // True when a name or a size does not fit the old format.
  const needsExtension = own.encode()
  const block = own.block ?? Buffer.alloc(0)
  return needsExtension ? Buffer.concat([new Pax(data).encode(), block]) : block
}
