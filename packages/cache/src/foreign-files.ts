import type { Stats } from 'node:fs'
import { lstat, opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, type DigestAlgorithm, isDigest } from '@shoal/content'
import { errorCode } from './store-errors.ts'

export const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512']
/** Where containerd has its content store below its root. */
const belowRoot = 'io.containerd.content.v1.content'

/** By which a file is known to be the one that was verified. */
export interface FileIdentity {
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number
  readonly inode: number
}

/** A content store's directory: that which has `blobs` in it, or containerd's root. */
export async function contentDirectory(path: string): Promise<string> {
  const below = join(path, belowRoot)
  return (await isDirectory(below)) ? below : path
}

export function foreignPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', ...digest.split(':'))
}

/** The blobs that lie there now. Empty while the directory is not there. */
export async function* foreignFiles(
  directory: string,
): AsyncGenerator<[digest: Digest, identity: FileIdentity]> {
  for (const algorithm of algorithms) {
    for await (const name of namesIn(join(directory, 'blobs', algorithm))) {
      const digest = `${algorithm}:${name}`
      const identity = isDigest(digest) ? await identityOf(foreignPath(directory, digest)) : undefined
      if (isDigest(digest) && identity !== undefined) yield [digest, identity]
    }
  }
}

/** Undefined for what is no regular file. */
export function identityIn(stats: Stats): FileIdentity | undefined {
  if (!stats.isFile()) return undefined
  return { size: stats.size, modifiedAt: Math.floor(stats.mtimeMs), inode: stats.ino }
}

export function isSameFile(one: FileIdentity | undefined, other: FileIdentity | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return one.size === other.size && one.modifiedAt === other.modifiedAt && one.inode === other.inode
}

/** Undefined when there is no such regular file. */
export async function identityOf(path: string): Promise<FileIdentity | undefined> {
  try {
    return identityIn(await lstat(path))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function* namesIn(directory: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(directory)) yield entry.name
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
