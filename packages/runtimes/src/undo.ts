import { isDeepStrictEqual } from 'node:util'
import { hashOf } from './apply.ts'
import { type HostFiles, systemCode } from './host-files.ts'
import type { FileEntry, Journal, JournalEntry, JournalFile, JournalParent } from './journal.ts'
import type { FileSnapshot } from './snapshot.ts'
import { undoText } from './undo-text.ts'

/** What became of one path. */
export interface Undone {
  readonly path: string
  readonly outcome: /** As it was before the install, byte for byte. */
    | 'restored'
    /** Others had changed it since: their version, without our part. */
    | 'merged'
    /** Nothing to do: it is as it was, or others have removed it. */
    | 'unchanged'
    /** Not ours to take away; `why` says what a person should look at. */
    | 'left'
  readonly why?: string
}

/**
 * Gives every path of the journal back, newest change first. Each step asks what is there, so that it can be
 * interrupted anywhere and run again.
 */
export async function undoChanges({
  files,
  journal: { entries, parents },
}: {
  files: HostFiles
  journal: Journal
}): Promise<Undone[]> {
  const undone: Undone[] = []
  for (const entry of [...entries].reverse()) undone.push(await undo(entry, files))
  // Deepest first: taking something out of a directory does not touch the times of those above it.
  for (const parent of [...parents].reverse()) await restoreTimes(parent, files)
  return undone
}

/** Restores everything, then forgets it. Returns undefined when there is no journal: nothing is installed. */
export async function rollBack(files: HostFiles, file: JournalFile): Promise<Undone[] | undefined> {
  const journal = await file.read()
  if (journal === undefined) return undefined
  if (journal.state !== 'removing') await file.write({ ...journal, state: 'removing' })
  const undone = await undoChanges({ files, journal })
  if (!undone.some(({ outcome }) => outcome === 'left')) await file.remove(journal)
  else await file.write({ ...journal, state: 'removing', entries: stillThere(journal, undone) })
  return undone
}

function stillThere({ entries }: Journal, undone: readonly Undone[]): JournalEntry[] {
  const left = new Set(undone.filter(({ outcome }) => outcome === 'left').map(({ path }) => path))
  return entries.filter(({ path }) => left.has(path))
}

async function undo(entry: JournalEntry, files: HostFiles): Promise<Undone> {
  const { path } = entry
  try {
    if (entry.kind === 'file') return await undoFile(entry, files)
    const current = await files.snapshot(path)
    if (entry.kind === 'directory') {
      if (current.kind !== 'directory') return { path, outcome: 'unchanged' }
      // What others have put there keeps it.
      return { path, outcome: (await files.removeDirectory(path)) ? 'restored' : 'merged' }
    }
    if (current.kind !== 'symlink' || current.target !== entry.target) return { path, outcome: 'unchanged' }
    await files.remove(path)
    return { path, outcome: 'restored' }
  } catch (error) {
    // One file in trouble must not keep the rest of the node changed.
    const code = systemCode(error)
    return { path, outcome: 'left', why: code === '' ? messageOf(error) : `${code}: ${messageOf(error)}` }
  }
}

async function undoFile(entry: FileEntry, files: HostFiles): Promise<Undone> {
  const { path, written, edit } = entry
  await files.removeTemporary(path)
  const before = originalOf(entry)
  const current = await files.snapshot(path)
  if (current.kind !== 'file') return { path, outcome: 'unchanged' }
  if (before !== undefined && isDeepStrictEqual(withoutAccess(before), withoutAccess(current))) {
    await files.setTimes(path, before)
    return { path, outcome: 'unchanged' }
  }
  if (written.includes(hashOf(current.content)) && isOwnershipOurs(entry, current)) {
    await put(path, before, files)
    return { path, outcome: 'restored' }
  }
  const rest = undoText(edit, {
    path,
    before: before?.content.toString('utf8'),
    current: current.content.toString('utf8'),
  })
  if (rest === current.content.toString('utf8')) return { path, outcome: 'unchanged' }
  await put(path, rest === undefined ? undefined : theirs(current, rest), files)
  return { path, outcome: 'merged' }
}

/** A new mode or owner, on a file of ours, is a change that others made. */
function isOwnershipOurs({ before }: FileEntry, { mode, uid, gid }: FileSnapshot): boolean {
  return before === null || (before.mode === mode && before.uid === uid && before.gid === gid)
}

/** Their version without ours; only what they changed makes it newer. */
function theirs({ mode, uid, gid }: FileSnapshot, text: string) {
  return { content: Buffer.from(text), mode, uid, gid }
}

async function put(
  path: string,
  file: Parameters<HostFiles['replace']>[1] | undefined,
  files: HostFiles,
): Promise<void> {
  if (file === undefined) await files.remove(path)
  else await files.replace(path, file)
}

async function restoreTimes(
  { path, names, atimeNs, mtimeNs }: JournalParent,
  files: HostFiles,
): Promise<void> {
  const current = await files.snapshot(path)
  // Others have added or removed something: the times are theirs.
  if (current.kind !== 'directory' || !isDeepStrictEqual(current.names, names)) return
  await files.setTimes(path, { atimeNs: BigInt(atimeNs), mtimeNs: BigInt(mtimeNs) })
}

function originalOf({ before }: FileEntry): FileSnapshot | undefined {
  if (before === null) return undefined
  const { content, atimeNs, mtimeNs, ...ownership } = before
  return {
    kind: 'file',
    content: Buffer.from(content, 'base64'),
    ...ownership,
    atimeNs: BigInt(atimeNs),
    mtimeNs: BigInt(mtimeNs),
  }
}

/** Our own reading moves the time of the last access. */
function withoutAccess({ atimeNs: _, ...rest }: FileSnapshot): Omit<FileSnapshot, 'atimeNs'> {
  return rest
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
