import { cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { type FileLayer, nodeFiles, type OpenFile } from '../../dist/file-layer.js'

/** What a disk writes whole or not at all. */
const sectorBytes = 4096

/** A file as it would be found after a power loss: what was synced, and of what was written since, nobody knows. */
interface Inode {
  durable: Buffer
  size: number
  readonly pending: { readonly position: number; readonly bytes: Buffer }[]
}

type NameChange = (names: Map<string, Inode>) => void

export interface PowerLossInit {
  readonly dataDir: string
  /** Whether syncs do what they should. @default true */
  readonly isHonest?: boolean
}

/**
 * A file layer that knows what a power loss may take back: names changed since the last sync of a directory (in order,
 * as journals keep them), and any sectors of what was written since the last sync of a file.
 */
export class PowerLossFiles implements FileLayer {
  readonly #dataDir: string
  readonly #isHonest: boolean
  readonly #names = new Map<string, Inode>()
  readonly #durableNames = new Map<string, Inode>()
  readonly #pendingNames: NameChange[] = []
  /** Length of each file of the index when it was last known to be synced. */
  #indexLengths = new Map<string, number>()
  /** What was done, in order, without the data directory's own path. */
  readonly trace: string[] = []

  constructor({ dataDir, isHonest = true }: PowerLossInit) {
    this.#dataDir = dataDir
    this.#isHonest = isHonest
  }

  async open(path: string, flags: number): Promise<OpenFile> {
    const handle = await nodeFiles.open(path, flags)
    const inode = this.#names.get(path) ?? { durable: Buffer.alloc(0), size: 0, pending: [] }
    if (!this.#names.has(path)) this.#rename((names) => names.set(path, inode))
    const tell = (what: string) => this.#tell(what, path)
    const sync = () => {
      if (this.#isHonest) settle(inode, () => true)
    }
    return {
      close: () => handle.close(),
      stat: handle.stat.bind(handle),
      read: handle.read.bind(handle),
      async truncate(size = 0) {
        inode.size = size
        await handle.truncate(size)
      },
      async datasync() {
        tell('datasync')
        sync()
      },
      write: (async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        tell('write')
        inode.pending.push({ position, bytes: Buffer.from(bytes.subarray(offset, offset + length)) })
        return handle.write(bytes, offset, length, position)
      }) as OpenFile['write'],
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#tell('rename', to)
    await nodeFiles.rename(from, to)
    this.#rename((names) => {
      const inode = names.get(from)
      names.delete(from)
      if (inode !== undefined) names.set(to, inode)
    })
  }

  async remove(path: string): Promise<void> {
    this.#tell('remove', path)
    await nodeFiles.remove(path)
    this.#rename((names) => names.delete(path))
  }

  async syncDirectory(path: string): Promise<void> {
    this.#tell('sync directory', path)
    if (!this.#isHonest) return
    for (const change of this.#pendingNames.splice(0)) change(this.#durableNames)
  }

  /** The index was just written with a sync: it can't lose what it holds now. */
  async indexSynced(): Promise<void> {
    this.#indexLengths = await lengthsIn(join(this.#dataDir, 'index'))
  }

  /** Makes a data directory as it could be found after the power came back. */
  async lose(to: string, random: (bound: number) => number): Promise<void> {
    const names = new Map(this.#durableNames)
    for (const change of this.#pendingNames.slice(0, random(this.#pendingNames.length + 1))) change(names)
    for (const [path, inode] of names) {
      const copy: Inode = { ...inode, pending: [...inode.pending] }
      settle(copy, () => random(2) === 0)
      const target = join(to, relative(this.#dataDir, path))
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, copy.durable)
    }
    await this.#loseIndex(join(to, 'index'), random)
  }

  /** LevelDB appends to its log: what was not synced may be cut anywhere. */
  async #loseIndex(to: string, random: (bound: number) => number): Promise<void> {
    await cp(join(this.#dataDir, 'index'), to, { recursive: true })
    for (const [name, length] of await lengthsIn(to)) {
      if (!name.endsWith('.log')) continue
      const synced = Math.min(length, this.#indexLengths.get(name) ?? 0)
      await truncate(join(to, name), synced + random(length - synced + 1))
    }
  }

  #rename(change: NameChange): void {
    change(this.#names)
    this.#pendingNames.push(change)
  }

  #tell(what: string, path: string): void {
    this.trace.push(`${what} ${relative(this.#dataDir, path)}`)
  }
}

/** Puts pending sectors on the disk, those that `isKept` says. */
function settle(inode: Inode, isKept: () => boolean): void {
  const grown = Buffer.alloc(Math.max(inode.size, inode.durable.length))
  inode.durable.copy(grown)
  for (const { position, bytes } of inode.pending.splice(0)) {
    for (let at = 0; at < bytes.length; at += sectorBytes) {
      if (isKept()) bytes.copy(grown, position + at, at, Math.min(at + sectorBytes, bytes.length))
    }
  }
  inode.durable = grown
}

async function lengthsIn(directory: string): Promise<Map<string, number>> {
  const lengths = new Map<string, number>()
  for (const name of await readdir(directory)) {
    lengths.set(name, (await readFile(join(directory, name))).length)
  }
  return lengths
}
