import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCodeOf } from '../readable-fault.ts'
import type { TarEntry } from './tar-stream.ts'

/**
 * The files, directories and symbolic links under `root`, sorted, as they would stand under `prefix` in an
 * image. Links are kept, not followed; devices, sockets and what this user can't see are left out. Lazy: a
 * caller who has enough stops.
 */
export async function* walkTree(root: string, prefix: string): AsyncGenerator<TarEntry> {
  for (const child of await list(root)) {
    const source = join(root, child.name)
    const path = `${prefix}/${child.name}`
    if (child.isDirectory()) {
      yield { path, type: 'Directory', mode: 0o755, size: 0 }
      yield* walkTree(source, path)
      continue
    }
    const entry = await entryOf(source, path)
    if (entry !== undefined) yield entry
  }
}

/** One file or symbolic link; undefined for anything else, and for what is not there. */
export async function entryOf(source: string, path: string): Promise<TarEntry | undefined> {
  return unlessHidden(async () => {
    const found = await lstat(source)
    if (found.isSymbolicLink()) {
      return { path, type: 'SymbolicLink', mode: 0o777, size: 0, linkpath: await readlink(source) }
    }
    return found.isFile() ? { path, type: 'File', mode: modeOf(found), size: found.size, source } : undefined
  })
}

/** All of what a walk yields. */
export async function collect(walk: AsyncIterable<TarEntry>): Promise<TarEntry[]> {
  const entries: TarEntry[] = []
  for await (const entry of walk) entries.push(entry)
  return entries
}

async function list(directory: string): Promise<Dirent[]> {
  const children = (await unlessHidden(() => readdir(directory, { withFileTypes: true }))) ?? []
  return children.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Owners and umasks differ between machines; whether a file is a program does not. */
function modeOf({ mode }: Stats): number {
  return (mode & 0o111) === 0 ? 0o644 : 0o755
}

async function unlessHidden<Result>(look: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await look()
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT') return undefined
    throw error
  }
}
