import { constants } from 'node:fs'
import { chmod, copyFile, link } from 'node:fs/promises'
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
