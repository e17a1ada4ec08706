import { type Digest, isDigest } from '@shoal/content'
import { adoptBlob } from './adopt-blob.ts'
import type { CacheIndex } from './cache-index.ts'
import type { DataDirectory, DigestFile } from './data-directory.ts'
import type { Operation } from './index-database.ts'
import { unknownMediaType } from './manifest-references.ts'

/** What {@link recover} found, for the log. */
export interface Recovery {
  /** Complete blobs of which the index knew nothing; their content was hashed, and kept. */
  readonly adopted: readonly Digest[]
  /** Blobs, complete or partial, that were removed: lost, of another size, of other content, or unknown. */
  readonly removed: readonly Digest[]
}

interface RecoverInit {
  readonly directory: DataDirectory
  readonly index: CacheIndex
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes index and files agree again after a crash, a power loss or a person with `rm`. Files are believed
 * only when a row vouches for them or their content has the digest of their name.
 */
export async function recover(init: RecoverInit): Promise<Recovery> {
  const removed = new Set<Digest>()
  const files = await sizesOf(init.directory.blobFiles())
  const known = await dropRowsWithoutFile(init, files, removed)
  const unknown = [...files].filter(([digest]) => !known.has(digest) && !removed.has(digest))
  const adopted = await adoptFiles(init, unknown, removed)
  await dropPartialRowsWithoutFile(init, removed)
  await removePartialFilesWithoutRow(init, removed)
  await dropOrphans(init)
  return { adopted, removed: [...removed].filter((digest) => !adopted.includes(digest)) }
}

/** Size of each file; undefined for what is no regular one. */
type FileSizes = ReadonlyMap<Digest, number | undefined>

async function sizesOf(files: AsyncIterable<DigestFile>): Promise<FileSizes> {
  const sizes = new Map<Digest, number | undefined>()
  for await (const { digest, size } of files) sizes.set(digest, size)
  return sizes
}

/** The blobs of which row and file agree. */
async function dropRowsWithoutFile(
  { directory, index, signal }: RecoverInit,
  files: FileSizes,
  removed: Set<Digest>,
): Promise<Set<Digest>> {
  const known = new Set<Digest>()
  for await (const [key, row] of index.blobs.entries()) {
    signal?.throwIfAborted()
    if (!isDigest(key)) await index.commit([index.blobs.del(key)])
    else if (row === undefined)
      await index.removeBlob(key) // the file, if it is whole, is adopted next
    else if (files.get(key) === row.size) known.add(key)
    else {
      removed.add(key)
      await directory.removeBlob(key)
      await index.removeBlob(key)
    }
  }
  return known
}

async function adoptFiles(
  init: RecoverInit,
  files: Iterable<readonly [Digest, number | undefined]>,
  removed: Set<Digest>,
): Promise<Digest[]> {
  const { index, signal } = init
  const adopted: Digest[] = []
  for (const [digest, size] of files) {
    signal?.throwIfAborted()
    // The row of the partial blob is still there when the crash came between the renaming and the new row.
    const row = (await index.partials.get(digest)) ?? (await index.descriptors.get(digest))
    const descriptor = { digest, size: size ?? 0, mediaType: row?.mediaType ?? unknownMediaType }
    const proof = await adoptBlob(init, descriptor, signal)
    if (proof === undefined) removed.add(digest)
    else adopted.push(digest)
  }
  return adopted
}

async function dropPartialRowsWithoutFile(init: RecoverInit, removed: Set<Digest>): Promise<void> {
  const { directory, index } = init
  const files = new Set<string>()
  for await (const { digest, size } of directory.partialFiles()) if (size !== undefined) files.add(digest)
  for await (const [key, row] of index.partials.entries()) {
    if (row !== undefined && files.has(key)) continue
    if (!isDigest(key)) await index.commit([index.partials.del(key)])
    else {
      removed.add(key)
      await index.removePartial(key)
    }
  }
}

async function removePartialFilesWithoutRow(init: RecoverInit, removed: Set<Digest>): Promise<void> {
  const { directory, index } = init
  for await (const { digest } of directory.partialFiles()) {
    if ((await index.partials.get(digest)) !== undefined) continue
    removed.add(digest)
    await directory.removePartial(digest)
  }
}

/** Rows that only mean something beside another row that is gone. */
async function dropOrphans({ index }: RecoverInit): Promise<void> {
  const orphans: Operation[] = []
  const partials = await collect(index.partials.keys())
  for await (const key of index.chunks.keys()) {
    if (!partials.has(key.slice(0, key.indexOf('/')))) orphans.push(index.chunks.del(key))
  }
  const blobs = await collect(index.blobs.keys())
  for (const table of [index.hashes, index.sums, index.uses]) {
    for await (const key of table.keys()) if (!blobs.has(key)) orphans.push(table.del(key))
  }
  if (orphans.length > 0) await index.commit(orphans)
}

async function collect(keys: AsyncIterable<string>): Promise<Set<string>> {
  const set = new Set<string>()
  for await (const key of keys) set.add(key)
  return set
}
