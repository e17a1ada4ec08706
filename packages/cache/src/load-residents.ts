import type { CacheIndex } from './cache-index.ts'
import type { DataDirectory } from './data-directory.ts'
import { Residents } from './residents.ts'

/** What lies on the disk, as {@link recover} left it. */
export async function loadResidents(init: {
  readonly directory: DataDirectory
  readonly index: CacheIndex
}): Promise<Residents> {
  const { directory, index } = init
  const residents = new Residents()
  const uses = new Map<string, number>()
  for await (const [key, at] of index.uses.entries()) if (at !== undefined) uses.set(key, at)
  for await (const descriptor of index.listBlobs()) {
    residents.addBlob(descriptor, uses.get(descriptor.digest) ?? 0)
  }
  for await (const { digest, diskBytes, modifiedAt } of directory.partialFiles()) {
    residents.setPartial(digest, { written: diskBytes, promised: 0, lastUsedAt: modifiedAt })
  }
  return residents
}
