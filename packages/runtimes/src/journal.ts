import { posix } from 'node:path'
import { z } from 'zod'
import { RuntimesError } from './errors.ts'
import { type HostFiles, systemCode } from './host-files.ts'

const absolutePath = z.string().refine((path) => path.startsWith('/') && posix.normalize(path) === path, {
  error: 'not an absolute, plain path',
})
const nanoseconds = z.string().regex(/^-?\d{1,25}$/)
const times = { atimeNs: nanoseconds, mtimeNs: nanoseconds }
const id = z.number().int().min(0).max(0xffffffff)
const ownership = { mode: z.number().int().min(0).max(0o7777), uid: id, gid: id }

const fileEntry = z.strictObject({
  kind: z.literal('file'),
  path: absolutePath,
  /** What was there; null when nothing was. */
  before: z.strictObject({ content: z.base64(), ...ownership, ...times }).nullable(),
  /** SHA-256 of every content that we put there: with one of them, nobody else has changed the file since. */
  written: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
  edit: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('marked') }),
    z.strictObject({ kind: z.literal('mirror'), url: z.string() }),
  ]),
})
const symlinkEntry = z.strictObject({ kind: z.literal('symlink'), path: absolutePath, target: z.string() })
const directoryEntry = z.strictObject({ kind: z.literal('directory'), path: absolutePath })
/** A directory that was there and in which we make, replace or remove something: its times change. */
const parent = z.strictObject({ path: absolutePath, names: z.array(z.string()), ...times })

const schema = z.strictObject({
  version: z.literal(1),
  state: z.enum(['installing', 'installed', 'removing']),
  /** URL of the shim that the host was pointed at. */
  shim: z.string(),
  entries: z.array(z.discriminatedUnion('kind', [fileEntry, symlinkEntry, directoryEntry])),
  parents: z.array(parent),
  /** Directories that were made for the journal itself, outermost first. */
  home: z.array(absolutePath),
})

export type FileEntry = Readonly<z.infer<typeof fileEntry>>
export type JournalEntry = z.infer<typeof schema>['entries'][number]
export type JournalParent = z.infer<typeof parent>

/** What an install changed, with the originals: written before the first change, removed after the last undo. */
export type Journal = z.infer<typeof schema>

/** Where the host keeps the journal, unless told otherwise. */
export const defaultStateDir = '/var/lib/shoal/install'

/** The journal on the host's disk. */
export class JournalFile {
  readonly path: string
  readonly #files: HostFiles

  constructor(files: HostFiles, stateDir = defaultStateDir) {
    this.#files = files
    this.path = posix.join(stateDir, 'journal.json')
  }

  /** @throws RuntimesError when there is one that can't be used */
  async read(): Promise<Journal | undefined> {
    const text = await this.#files.readText(this.path)
    if (text === undefined) return undefined
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      const advice = 'move it away, and restore by hand what it holds of the originals (base64)'
      throw new RuntimesError('journal', `${this.path} is damaged or of another version; ${advice}`, {
        cause,
      })
    }
  }

  /** Readable by root alone: configuration may hold credentials. */
  async write(journal: Journal): Promise<void> {
    const missing: string[] = []
    for (let at = posix.dirname(this.path); (await this.#files.snapshot(at)).kind === 'absent'; ) {
      missing.unshift(at)
      at = posix.dirname(at)
    }
    for (const path of missing) await this.#files.makeDirectory(path, 0o700)
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    const text = JSON.stringify({ ...journal, home: [...journal.home, ...missing] }, undefined, 1)
    const file = { content: Buffer.from(`${text}\n`), mode: 0o600, ...owner }
    await this.#files.replace(await this.#files.resolve(this.path), file)
  }

  /** Removes the journal, and what was made for it. */
  async remove({ home }: Journal): Promise<void> {
    const path = await this.#files.resolve(this.path)
    await this.#files.removeTemporary(path)
    await this.#files.remove(path)
    for (const directory of [...home].reverse()) await this.#files.removeDirectory(directory).catch(inUse)
  }
}

/** A directory that is mounted, or not ours to remove, stays. */
function inUse(error: unknown): false {
  if (['EPERM', 'EACCES', 'EROFS'].includes(systemCode(error))) return false
  throw error
}
