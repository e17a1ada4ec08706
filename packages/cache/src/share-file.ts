import { constants } from 'node:fs'
import { copyFile, link } from 'node:fs/promises'
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

/** Makes a second name for bytes that are there: a clone where the file system can, else a hard link, else a copy. */
export async function shareFile(from: string, to: string): Promise<void> {
  const ways = [
    () => copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL),
    () => link(from, to),
    () => copyFile(from, to, constants.COPYFILE_EXCL),
  ]
  for (const way of ways) {
    try {
      return await way()
    } catch (error) {
      if (way === ways.at(-1) || !cannotShare.has(errorCode(error) ?? '')) throw error
    }
  }
}
