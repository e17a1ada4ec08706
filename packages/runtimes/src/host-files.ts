import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import {
  access,
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rmdir,
  symlink,
  unlink,
  utimes,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { RuntimesError } from './errors.ts'
import type { Ownership, Snapshot, Times } from './snapshot.ts'

/** Files that people write are far below; more is none that we should hold in memory, let alone edit. */
const maxFileBytes = 4 << 20
/** As the kernel. */
const maxLinks = 40
const touchTimeoutMs = 10_000

const runFile = promisify(execFile)

/** The error code of a failed system call, such as `ENOENT`. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/**
 * The files of a host whose root directory is mounted at {@link HostFiles.root}. Paths are the host's own;
 * symbolic links are followed as the host would, so that an absolute one does not lead out of the mount.
 */
export class HostFiles {
  readonly root: string

  constructor(root = '/') {
    this.root = root
  }

  /** Where a path of the host is for this process. The last component is not followed. */
  async locate(path: string): Promise<string> {
    return join(
      this.root,
      dirnameIsRoot(path) ? path : join(await this.resolve(dirname(path)), basename(path)),
    )
  }

  /** The path of the host that is left when every symbolic link along it has been followed. */
  async resolve(path: string): Promise<string> {
    let resolved = '/'
    const pending = path.split('/').filter((name) => name !== '')
    for (let links = 0; pending.length > 0; ) {
      const name = pending.shift() as string
      if (name === '.') continue
      if (name === '..') {
        resolved = dirname(resolved)
        continue
      }
      const next = join(resolved, name)
      const target = await this.#linkTarget(next)
      if (target === undefined) {
        resolved = next
        continue
      }
      if (++links > maxLinks) throw new RuntimesError('unreadable-file', `${path}: too many symbolic links`)
      if (target.startsWith('/')) resolved = '/'
      pending.unshift(...target.split('/').filter((part) => part !== ''))
    }
    return resolved
  }

  async snapshot(path: string): Promise<Snapshot> {
    const place = await this.locate(path)
    const stats = await lstat(place, { bigint: true }).catch(absent)
    if (stats === undefined) return { kind: 'absent' }
    if (stats.isSymbolicLink()) return { kind: 'symlink', target: await readlink(place) }
    const { atimeNs, mtimeNs } = stats
    const ownership = { mode: Number(stats.mode) & 0o7777, uid: Number(stats.uid), gid: Number(stats.gid) }
    if (stats.isDirectory()) {
      return { kind: 'directory', names: (await readdir(place)).sort(), ...ownership, atimeNs, mtimeNs }
    }
    if (!stats.isFile()) return { kind: 'other' }
    if (stats.size > maxFileBytes) {
      throw new RuntimesError(
        'unreadable-file',
        `${path} has ${stats.size} bytes: too large for a configuration`,
      )
    }
    return { kind: 'file', content: await readFile(place), ...ownership, atimeNs, mtimeNs }
  }

  /** What kind of thing is at a path, whatever its size. */
  async snapshotKind(path: string): Promise<{ readonly kind: Snapshot['kind'] }> {
    const stats = await lstat(await this.locate(path)).catch(absent)
    if (stats === undefined) return { kind: 'absent' }
    if (stats.isSymbolicLink()) return { kind: 'symlink' }
    return { kind: stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other' }
  }

  /** The text of a file, symbolic links followed; undefined when there is none. */
  async readText(path: string): Promise<string | undefined> {
    const snapshot = await this.snapshot(await this.resolve(path))
    return snapshot.kind === 'file' ? snapshot.content.toString('utf8') : undefined
  }

  /** The names in a directory, symbolic links followed; empty when there is none. */
  async list(path: string): Promise<readonly string[]> {
    const snapshot = await this.snapshot(await this.resolve(path))
    return snapshot.kind === 'directory' ? snapshot.names : []
  }

  /** Whether something could be made or replaced at this path, now. */
  async isWritable(path: string): Promise<boolean> {
    for (let place = dirname(await this.resolve(path)); ; place = dirname(place)) {
      try {
        await access(join(this.root, place), constants.W_OK)
        return true
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || place === '/') return false
      }
    }
  }

  /** Puts a file in place of what is there, whole or not at all, also when the power goes. */
  async replace(path: string, file: { content: Buffer } & Ownership & Partial<Times>): Promise<void> {
    const place = await this.locate(path)
    const temporary = temporaryOf(place)
    await unlink(temporary).catch(absent)
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(file.content)
      const { uid, gid } = await handle.stat()
      if (uid !== file.uid || gid !== file.gid) await handle.chown(file.uid, file.gid)
      await handle.chmod(file.mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (file.atimeNs !== undefined && file.mtimeNs !== undefined) {
      await setTimes(temporary, { atimeNs: file.atimeNs, mtimeNs: file.mtimeNs })
    }
    await rename(temporary, place)
    await this.#sync(dirname(path))
  }

  async link(path: string, target: string): Promise<void> {
    await symlink(target, await this.locate(path))
    await this.#sync(dirname(path))
  }

  /** Removes a file or a symbolic link, if it is there. */
  async remove(path: string): Promise<void> {
    await unlink(await this.locate(path)).catch(absent)
    await this.#sync(dirname(path))
  }

  async makeDirectory(path: string, mode = 0o755): Promise<void> {
    const place = await this.locate(path)
    await mkdir(place, { mode })
    // The umask of whoever runs this is not the host's wish.
    await chmod(place, mode)
  }

  async give(path: string, { uid, gid }: Pick<Ownership, 'uid' | 'gid'>): Promise<void> {
    await chown(await this.locate(path), uid, gid)
  }

  /** Removes a directory if it is there and empty; returns whether it is gone. */
  async removeDirectory(path: string): Promise<boolean> {
    try {
      await rmdir(await this.locate(path))
      return true
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return true
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EBUSY') return false
      throw error
    }
  }

  async setTimes(path: string, times: Times): Promise<void> {
    await setTimes(await this.locate(path), times)
  }

  /** Removes what an interrupted {@link replace} may have left beside a path. */
  async removeTemporary(path: string): Promise<void> {
    await unlink(temporaryOf(await this.locate(path))).catch(absent)
  }

  async #linkTarget(path: string): Promise<string | undefined> {
    try {
      return await readlink(join(this.root, path))
    } catch (error) {
      const code = systemCode(error)
      if (code === 'EINVAL' || code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  }

  /** Makes renames and removals in a directory last. */
  async #sync(path: string): Promise<void> {
    const directory = await open(join(this.root, await this.resolve(path)), 'r').catch(absent)
    try {
      await directory?.sync()
    } finally {
      await directory?.close()
    }
  }
}

function absent(error: unknown): undefined {
  const code = systemCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw error
}

function dirnameIsRoot(path: string): boolean {
  return dirname(path) === '/'
}

function temporaryOf(place: string): string {
  return join(dirname(place), `.${basename(place)}.shoal-new`)
}

/**
 * Sets times; that of the last change to the nanosecond. Node.js takes seconds as a double, which is a quarter of a
 * microsecond off in this century; coreutils' touch does the rest. Where there is none, the quarter stays, as it
 * does for the time of the last access, which the next reader moves anyhow.
 */
async function setTimes(place: string, { atimeNs, mtimeNs }: Times): Promise<void> {
  await utimes(place, Number(atimeNs) / 1e9, Number(mtimeNs) / 1e9)
  const now = await lstat(place, { bigint: true })
  if (now.mtimeNs !== mtimeNs) await touch(place, mtimeNs)
}

async function touch(place: string, mtimeNs: bigint): Promise<void> {
  const rest = String(mtimeNs % 1_000_000_000n).padStart(9, '0')
  const time = `@${mtimeNs / 1_000_000_000n}.${rest}`
  try {
    await runFile('touch', ['-c', '-m', '-d', time, '--', place], { timeout: touchTimeoutMs })
  } catch (error) {
    // Busybox's touch knows no fractions, and some images have none at all.
    if (systemCode(error) === 'ENOENT' || systemCode(error) === '1') return
    throw error
  }
}
