import { ArchiveError } from './archive-error.ts'

/** Files by their path with `/` between its parts: a directory, or a tar archive that can be read at any place. */
export interface FileSet extends AsyncDisposable {
  /** For messages. */
  readonly name: string
  /** Bytes of a file, links followed; undefined when there is none. */
  sizeOf(path: string): Promise<number | undefined>
  read(path: string): AsyncIterable<Uint8Array>
  /** The absolute path of the file that has these bytes and no others, where there is one. */
  placeOf(path: string): string | undefined
}

/** Reads a file that has to fit into memory, or undefined when there is none. */
export async function readSmall(files: FileSet, path: string, maxBytes: number): Promise<Buffer | undefined> {
  const size = await files.sizeOf(path)
  if (size === undefined) return undefined
  if (size > maxBytes)
    throw new ArchiveError(`${files.name}: ${path} has ${size} bytes, the most is ${maxBytes}`)
  return Buffer.concat(await Array.fromAsync(files.read(path)))
}
