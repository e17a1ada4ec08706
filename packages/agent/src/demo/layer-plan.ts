import { access, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { collect, entryOf, walkTree } from './file-tree.ts'
import type { TarEntry } from './tar-stream.ts'

/** Files that belong together: a package, the Node runtime. */
export interface Unit {
  readonly name: string
  /** Uncompressed. */
  readonly bytes: number
  readonly entries: readonly TarEntry[]
}

/** A layer to be. */
export interface PlannedLayer {
  /** What it holds, for the image's history. */
  readonly title: string
  readonly entries: readonly TarEntry[]
}

/** Programs compress to 0.39-0.48 of their size at gzip's level 1: this much makes more than 60 MB. */
const runtimeBytes = 200e6
/** Packages from this size on are programs of the toolchain, not libraries. */
const toolBytes = 10e6

const packagesInImage = 'opt/shoal/node_modules'

/**
 * Sorts what the machine has into layers as a real image would have them, from the rarely to the often
 * changed: system libraries, the runtime (large), tools, libraries in two halves. By size and not by name, so
 * that it holds when packages change.
 */
export function planLayers(base: Unit, node: Unit, packages: readonly Unit[]): PlannedLayer[] {
  const bySize = packages.toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
  const runtime = [node]
  while (bySize[0] !== undefined && sizeOf(runtime) < runtimeBytes) runtime.push(...bySize.splice(0, 1))
  const tools = bySize.filter(({ bytes }) => bytes >= toolBytes)
  const libraries = bySize
    .filter(({ bytes }) => bytes < toolBytes)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const [first, second] = halve(libraries)
  return [
    layerOf('system libraries', [base]),
    layerOf('Node.js runtime', runtime),
    layerOf('tools', tools),
    layerOf('libraries', first),
    layerOf('more libraries', second),
  ].filter(({ entries }) => entries.length > 0)
}

/** The shared libraries that this process runs on, at their own paths: with them the image's Node starts. */
export async function systemLibraries(): Promise<Unit> {
  // Without looking up the names of our connections.
  Object.assign(process.report, { excludeNetwork: true })
  const report = process.report.getReport() as { sharedObjects?: string[] }
  const entries: TarEntry[] = []
  for (const path of report.sharedObjects ?? []) {
    // The kernel's own is no file, and add-ons are no part of the system.
    if (!path.startsWith('/') || path.endsWith('.node')) continue
    // Under the name that the loader asks for, but the file itself: names are often links to a version.
    const entry = await entryOf(await realpath(path), path.slice(1))
    if (entry !== undefined) entries.push(entry)
  }
  return unitOf(
    'system libraries',
    entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  )
}

/** The Node that runs this, with npm when it stands beside it. */
export async function nodeRuntime(execPath = process.execPath): Promise<Unit> {
  const home = dirname(dirname(execPath))
  if (await isPackage(home)) return unitOf('node', await collect(walkTree(home, 'usr/local')))
  const node = await entryOf(await realpath(execPath), 'usr/local/bin/node')
  const npm = await collect(
    walkTree(join(home, 'lib', 'node_modules', 'npm'), 'usr/local/lib/node_modules/npm'),
  )
  return unitOf('node', node === undefined ? npm : [node, ...npm])
}

/**
 * The packages installed above `start`, each a unit.
 *
 * @param except - a file whose package is left out: Node's, which has a layer already
 */
export async function installedPackages(start: string, except = process.execPath): Promise<Unit[]> {
  const root = await outermostPackages(start)
  if (root === undefined) return []
  const { directory, inImage } = root
  const units: Unit[] = []
  for (const { name } of (await readdir(directory, { withFileTypes: true })).filter((child) =>
    child.isDirectory(),
  )) {
    const source = join(directory, name)
    if (except.startsWith(`${source}/`)) continue
    units.push(unitOf(name, await collect(walkTree(source, `${inImage}/${name}`))))
  }
  return units
}

export function unitOf(name: string, entries: readonly TarEntry[]): Unit {
  return { name, entries, bytes: entries.reduce((sum, { size }) => sum + size, 0) }
}

/** pnpm keeps all packages of a workspace in one store; npm lays them out flat. */
async function outermostPackages(start: string): Promise<{ directory: string; inImage: string } | undefined> {
  let found: string | undefined
  for (let at = start; dirname(at) !== at; at = dirname(at)) {
    if (basename(at) !== 'node_modules' && (await exists(join(at, 'node_modules'))))
      found = join(at, 'node_modules')
  }
  if (found === undefined) return undefined
  const store = join(found, '.pnpm')
  if (await exists(store)) return { directory: store, inImage: `${packagesInImage}/.pnpm` }
  return { directory: found, inImage: packagesInImage }
}

function halve(units: readonly Unit[]): [Unit[], Unit[]] {
  const half = sizeOf(units) / 2
  let sum = 0
  const at = units.findIndex(({ bytes }) => {
    sum += bytes
    return sum > half
  })
  return [units.slice(0, at), units.slice(at)]
}

function layerOf(title: string, units: readonly Unit[]): PlannedLayer {
  return { title, entries: units.flatMap(({ entries }) => entries) }
}

function sizeOf(units: readonly Unit[]): number {
  return units.reduce((sum, { bytes }) => sum + bytes, 0)
}

function isPackage(directory: string): Promise<boolean> {
  return exists(join(directory, 'package.json'))
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false // the question was whether it can be reached
  }
}
