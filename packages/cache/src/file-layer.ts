import { type FileHandle, open, rename, rm } from 'node:fs/promises'

/** What the cache does with an open file. */
export type OpenFile = Pick<FileHandle, 'close' | 'datasync' | 'read' | 'stat' | 'truncate' | 'write'>

/**
 * Every change of blob files and of their names, so that a test can take part of it back as a power loss does,
 * or make it fail. {@link file://../../../docs/cache.md} has the order in which they are made durable.
 */
export interface FileLayer {
  /** @param flags - as for open(2) */
  open(path: string, flags: number): Promise<OpenFile>
  rename(from: string, to: string): Promise<void>
  /** Whatever it is; no error when there is nothing. */
  remove(path: string): Promise<void>
  /** Makes the names in a directory survive a power loss. */
  syncDirectory(path: string): Promise<void>
}

/** The file system itself. */
export const nodeFiles: FileLayer = {
  open,
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  async syncDirectory(path) {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
}
