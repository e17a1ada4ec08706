import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Change, WriteFile } from './change.ts'
import { RuntimesError } from './errors.ts'
import type { HostFiles } from './host-files.ts'
import type { FileEntry, Journal, JournalEntry, JournalFile, JournalParent } from './journal.ts'
import type { FileSnapshot } from './snapshot.ts'
import { undoText } from './undo-text.ts'

const newFileMode = 0o644

/** SHA-256 in hexadecimal. */
export function hashOf(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex')
}

/**
 * Makes the changes, the journal first: at every moment the disk holds what an undo needs. Changes that an
 * earlier install made already keep their originals.
 */
export async function applyChanges(
  changes: readonly Change[],
  { files, journal, shim }: { files: HostFiles; journal: JournalFile; shim: string },
): Promise<void> {
  const earlier = await journal.read()
  const book = new Book(files, earlier)
  for (const change of changes) await book.note(change)
  await journal.write({ ...book.journal, shim, state: 'installing' })
  for (const path of book.newDirectories) await files.makeDirectory(path)
  for (const change of changes) await make(change, files, book.newDirectories)
}

/** Tells an install that is complete from one that was interrupted. */
export async function markInstalled(journal: JournalFile): Promise<void> {
  const current = await journal.read()
  if (current !== undefined) await journal.write({ ...current, state: 'installed' })
}

async function make(change: Change, files: HostFiles, newDirectories: readonly string[]): Promise<void> {
  const path = await placeOf(change, files)
  if (change.kind === 'make-symlink') return await files.link(path, change.target)
  const before = await files.snapshot(path)
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const owner = change.owner ?? self
  const kept = before.kind === 'file' ? before : { mode: newFileMode, ...owner }
  await files.replace(path, {
    content: Buffer.from(change.text),
    mode: kept.mode,
    uid: kept.uid,
    gid: kept.gid,
  })
  if (change.owner === undefined) return
  // Directories that were made for a user's file are the user's.
  for (const made of newDirectories) if (path.startsWith(`${made}/`)) await files.give(made, owner)
}

/** Files are changed where symbolic links lead, so that these stay. */
async function placeOf(change: Change, files: HostFiles): Promise<string> {
  if (change.kind === 'write-file') return await files.resolve(change.path)
  return posix.join(await files.resolve(posix.dirname(change.path)), posix.basename(change.path))
}

/** The journal in the making. */
class Book {
  readonly newDirectories: string[] = []
  readonly #files: HostFiles
  readonly #entries: JournalEntry[]
  readonly #parents: JournalParent[]
  readonly #home: string[]

  constructor(files: HostFiles, earlier: Journal | undefined) {
    this.#files = files
    this.#entries = [...(earlier?.entries ?? [])]
    this.#parents = [...(earlier?.parents ?? [])]
    this.#home = earlier?.home ?? []
  }

  get journal(): Pick<Journal, 'version' | 'entries' | 'parents' | 'home'> {
    return { version: 1, entries: this.#entries, parents: this.#parents, home: this.#home }
  }

  async note(change: Change): Promise<void> {
    const path = await placeOf(change, this.#files)
    await this.#noteDirectories(posix.dirname(path))
    const entry =
      change.kind === 'write-file' ? await this.#fileEntry(change, path) : symlinkEntry(change, path)
    const index = this.#entries.findIndex((other) => other.path === path)
    if (index < 0) this.#entries.push(entry)
    else this.#entries[index] = entry
  }

  async #noteDirectories(directory: string): Promise<void> {
    const missing: string[] = []
    let at = directory
    while (!this.newDirectories.includes(at)) {
      const snapshot = await this.#files.snapshot(at)
      if (snapshot.kind === 'directory') {
        const { names, atimeNs, mtimeNs } = snapshot
        if (!this.#parents.some(({ path }) => path === at) && !this.#made(at)) {
          this.#parents.push({
            path: at,
            names: [...names],
            atimeNs: String(atimeNs),
            mtimeNs: String(mtimeNs),
          })
        }
        break
      }
      if (snapshot.kind !== 'absent')
        throw new RuntimesError('host', `${at} is not a directory; move it away`)
      missing.unshift(at)
      at = posix.dirname(at)
    }
    for (const path of missing) {
      this.newDirectories.push(path)
      if (!this.#made(path)) this.#entries.push({ kind: 'directory', path })
    }
  }

  #made(path: string): boolean {
    return this.#entries.some((entry) => entry.kind === 'directory' && entry.path === path)
  }

  async #fileEntry({ text, edit }: WriteFile, path: string): Promise<FileEntry> {
    const current = await this.#files.snapshot(path)
    if (current.kind !== 'file' && current.kind !== 'absent') {
      throw new RuntimesError('host', `${path} is not a file; move it away`)
    }
    const earlier = this.#entries.find((entry) => entry.path === path)
    const known = earlier?.kind === 'file' ? earlier : undefined
    const before = current.kind === 'absent' ? null : encodeOriginal(current)
    const written = [hashOf(text)]
    if (known === undefined || current.kind === 'absent') return { kind: 'file', path, before, written, edit }
    if (known.written.includes(hashOf(current.content))) {
      return { ...known, written: [...known.written, ...written], edit }
    }
    // Others have edited since: theirs is the original now, without what we had put there.
    const original = undoText(known.edit, {
      path,
      before: known.before === null ? undefined : decode(known.before.content).toString('utf8'),
      current: current.content.toString('utf8'),
    })
    if (original === undefined) return { kind: 'file', path, before: null, written, edit }
    return {
      kind: 'file',
      path,
      before: encodeOriginal({ ...current, content: Buffer.from(original) }),
      written,
      edit,
    }
  }
}

function symlinkEntry({ target }: { target: string }, path: string): JournalEntry {
  return { kind: 'symlink', path, target }
}

export function encodeOriginal({
  content,
  mode,
  uid,
  gid,
  atimeNs,
  mtimeNs,
}: FileSnapshot): FileEntry['before'] {
  const times = { atimeNs: String(atimeNs), mtimeNs: String(mtimeNs) }
  return { content: content.toString('base64'), mode, uid, gid, ...times }
}

function decode(base64: string): Buffer {
  return Buffer.from(base64, 'base64')
}
