import { existsSync } from 'node:fs'
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Every write is followed by an fsync, which costs nothing in memory. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A directory for one test, which goes with it. */
export async function temporaryRoot(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(memory, 'shoal-host-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Everything below a directory as lines: kind, mode, owner, time of the last change, content. */
export async function describeTree(root: string, below = ''): Promise<string[]> {
  const lines: string[] = []
  for (const name of (await readdir(join(root, below))).sort()) {
    const path = join(below, name)
    const stats = await lstat(join(root, path), { bigint: true })
    const owner = `${(stats.mode & 0o7777n).toString(8)} ${stats.uid}:${stats.gid}`
    if (stats.isSymbolicLink()) lines.push(`${path} -> ${await readlink(join(root, path))}`)
    else if (stats.isFile()) {
      const content = await readFile(join(root, path))
      lines.push(`${path} ${owner} ${stats.mtimeNs} ${content.toString('base64')}`)
    } else {
      lines.push(`${path}/ ${owner} ${stats.mtimeNs}`, ...(await describeTree(root, path)))
    }
  }
  return lines
}
