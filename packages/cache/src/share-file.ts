import { constants } from 'node:fs'
import { chmod, copyFile, type FileHandle, link, lstat, open, realpath, rm } from 'node:fs/promises'
import { errorCode } from './store-errors.ts'

/** Another file system, or one that can't do it, or a file of somebody else that the system protects. */
const cannotShare = new Set([
  'EXDEV',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
  'EPERM',
  'ENOTTY',
  'EMLINK',
])

/** There is nothing under the name, or nothing for us: whoever named the file may see another than we do. */
const cannotOpen = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENXIO'])

/** How a file came to be in a second place. */
export type Sharing = 'clone' | 'link' | 'copy'

/** A copy takes over that its original is read-only; ours may have to be written when it is damaged. */
const ownMode = 0o600

/** Makes a second file of bytes that are there: a clone where the file system can, else a hard link, else a copy. */
export async function shareFile(from: string, to: string): Promise<Sharing> {
  if (await canShare(() => copyOwn(from, to, constants.COPYFILE_FICLONE_FORCE))) return 'clone'
  if (await canShare(() => link(from, to))) return 'link'
  await copyOwn(from, to)
  return 'copy'
}

export interface LentFile {
  /** A path, links in it followed. */
  readonly from: string
  readonly mayLink: boolean
}

/**
 * Makes a second file of one that somebody may write at any time, without its bytes being written: a clone, which is
 * apart from then on, or a hard link where that is allowed. Undefined, and nothing made, where neither can be had, or
 * where there is no regular file that can be read.
 */
export async function shareLentFile(
  { from, mayLink }: LentFile,
  to: string,
): Promise<Exclude<Sharing, 'copy'> | undefined> {
  const lent = await openRegular(from)
  if (lent === undefined) return undefined
  try {
    // Through the open file: its name may be another's by now, perhaps of one that never answers.
    const opened = `/proc/self/fd/${lent.fd}`
    if (await canShare(() => copyOwn(opened, to, constants.COPYFILE_FICLONE_FORCE))) return 'clone'
    return mayLink && (await linkTo(lent, { from, to })) ? 'link' : undefined
  } finally {
    await lent.close()
  }
}

/** A link goes by name: what it made must be the file that was looked at. */
async function linkTo(
  lent: FileHandle,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<boolean> {
  if (!(await canShare(async () => link(await realpath(from), to)))) return false
  const [wanted, made] = await Promise.all([lent.stat(), lstat(to)])
  if (made.ino === wanted.ino && made.dev === wanted.dev) return true
  await rm(to)
  return false
}

/** Undefined for what is no regular file, or can't be read. */
async function openRegular(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle
  try {
    // A pipe would keep the opening waiting for somebody who writes.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (cannotOpen.has(errorCode(error) ?? '')) return undefined
    throw error
  }
  try {
    if ((await handle.stat()).isFile()) return handle
  } catch (error) {
    await handle.close()
    throw error
  }
  await handle.close()
  return undefined
}

async function copyOwn(from: string, to: string, mode = 0): Promise<void> {
  await copyFile(from, to, mode | constants.COPYFILE_EXCL)
  await chmod(to, ownMode)
}

async function canShare(share: () => Promise<void>): Promise<boolean> {
  try {
    await share()
    return true
  } catch (error) {
    if (cannotShare.has(errorCode(error) ?? '')) return false
    throw error
  }
}
