import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as zlib from 'node:zlib'
import type { AbortOptions } from '@shoal/content'
import { readableFault } from '../readable-fault.ts'
import { ArchiveError } from './archive-error.ts'
import { DirectoryFiles } from './directory-files.ts'
import type { FileSet } from './file-set.ts'
import { TarFiles } from './tar-files.ts'

/** How a stream in some compression begins, and what undoes it. */
const compressions: readonly { readonly magic: Buffer; readonly decompress: () => Transform }[] = [
  { magic: Buffer.from([0x1f, 0x8b]), decompress: () => zlib.createGunzip() },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), decompress: () => zlib.createZstdDecompress() },
]

/**
 * Opens what images come in: a directory, a tar archive (plain, gzip or zstd), or `-` for one on standard input. What
 * can't be read at any place is unpacked next to other temporary files first.
 *
 * @throws ArchiveError
 */
export async function openFiles(path: string, options: AbortOptions & { stdin: Readable }): Promise<FileSet> {
  try {
    if (path === '-') return await spool('standard input', options.stdin, options)
    if ((await stat(path)).isDirectory()) return new DirectoryFiles(path)
    if (compressionOf(await startOf(path)) === undefined) return await TarFiles.open(path)
    return await spool(path, createReadStream(path), options)
  } catch (cause) {
    if (cause instanceof ArchiveError || options.signal?.aborted) throw cause
    throw new ArchiveError(`can't read ${path}: ${readableFault(cause)}`, { cause })
  }
}

async function spool(name: string, source: Readable, { signal }: AbortOptions): Promise<FileSet> {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-import-'))
  const removeAll = () => rm(directory, { recursive: true, force: true })
  try {
    const file = join(directory, 'archive.tar')
    await pipeline(source, decompressed, createWriteStream(file), { ...(signal && { signal }) })
    const files = await TarFiles.open(file, name)
    const close = files[Symbol.asyncDispose].bind(files)
    return Object.assign(files, {
      async [Symbol.asyncDispose]() {
        await close()
        await removeAll()
      },
    })
  } catch (error) {
    await removeAll()
    throw error
  }
}

/** The stream without its compression, if it has one. */
async function* decompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < 4) {
    const { done, value } = await iterator.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  const whole = async function* () {
    yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  const compression = compressionOf(head)
  if (compression === undefined) return yield* whole()
  const transform = compression.decompress()
  const feeding = pipeline(whole, transform)
  feeding.catch(() => undefined) // it breaks the reading below, too
  yield* transform as AsyncIterable<Buffer>
  await feeding
}

function compressionOf(start: Buffer): (typeof compressions)[number] | undefined {
  return compressions.find(({ magic }) => start.subarray(0, magic.length).equals(magic))
}

async function startOf(path: string): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
