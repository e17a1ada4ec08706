import { resolve } from 'node:path'
import type { CachedImage, Freed } from '@shoal/cache'
import type { AbortOptions } from '@shoal/content'
import type { Command } from 'commander'
import type { ImportInit } from '../archive/import-images.ts'
import type { CacheControl } from '../cache-control/cache-control.ts'
import type { Given } from '../config/layer.ts'
import { loadConfig } from '../config/load-config.ts'
import { defaultDataDir } from '../data-dir.ts'
import { formatBytes } from '../demo/format.ts'
import { exitCodes } from './exit.ts'
import { printTable } from './table.ts'
import { untilTold } from './termination.ts'

interface CacheFlags {
  readonly dataDir?: string
  readonly config?: string
}

interface ImportFlags {
  readonly name?: string
  readonly public?: boolean
  readonly link?: boolean
}

interface Task extends AbortOptions {
  readonly control: CacheControl
}

const imageNote = 'a reference as for docker pull, or the digest of a manifest'

/** `shoal cache`: works through the agent that runs on the data directory, or on the directory when none does. */
export function addCacheCommand(program: Command): void {
  const cache = program
    .command('cache')
    .description("look after this node's cache, whether its agent runs or not")
    .option('--data-dir <dir>', "the agent's data directory (SHOAL_DATA_DIR)")
    .option('--config <file>', "the agent's YAML file (SHOAL_CONFIG)")
  const withControl = (work: (task: Task) => Promise<void>, options?: { readonly mayCreate: boolean }) =>
    runTask(cache.opts<CacheFlags>(), work, options)

  cache
    .command('ls')
    .description('list images: what of each is here, and when it was last used')
    .option('--json', 'print one JSON object')
    .action(({ json }: { json?: true }) => withControl((task) => listImages(task, json ?? false)))
  cache
    .command('pin <image>')
    .description('keep an image whatever else comes in, now or once it is pulled')
    .action((image: string) =>
      withControl(async ({ control, signal }) => {
        const { name, isHere } = await control.pin(image, { signal })
        print(
          isHere
            ? `${name} is pinned`
            : `${name} is pinned; it is not here yet, and will stay once it is pulled`,
        )
      }),
    )
  cache
    .command('unpin <image>')
    .description('let an image give way again')
    .action((image: string) => withControl(({ control, signal }) => control.unpin(image, { signal })))
  cache
    .command('rm <image...>')
    .description(`remove images and what no other needs (${imageNote})`)
    .action((images: string[]) =>
      withControl(async ({ control, signal }) => {
        for (const image of images) print(freedText(image, await control.remove(image, { signal })))
      }),
    )
  cache
    .command('gc')
    .description('remove what belongs to no image')
    .action(() =>
      withControl(async ({ control, signal }) => print(freedText('gc', await control.collect({ signal })))),
    )
  cache
    .command('verify [image]')
    .description('read every blob, or those of one image, and compare it with its digest')
    .option('--json', 'end the output with one JSON object')
    .action((image: string | undefined, { json }: { json?: true }) =>
      withControl((task) => verify(task, image, json ?? false)),
    )
  cache
    .command('export <image> <to>')
    .description(
      'write an image as an OCI image layout: a new directory, a file that ends in .tar, or - for stdout',
    )
    .action((image: string, to: string) => withControl((task) => exportTo(task, image, to)))
  cache
    .command('import <from>')
    .description(
      'take in images of an OCI image layout (directory or tar) or a docker-archive, or - for stdin',
    )
    .option('--name <reference>', 'name the image, instead of what the archive says')
    .option(
      '--public',
      'let everybody have it who reaches a node of the cluster, also while its registry is away, and tell other nodes its name',
    )
    .option(
      '--link',
      "where the file system can't clone a directory's files, let the cache have the files themselves, rather than a copy: don't change them afterwards",
    )
    .action((from: string, { name, public: isPublic = false, link: mayLink = false }: ImportFlags) =>
      withControl((task) => importFrom(task, from, { name, isPublic, mayLink }), { mayCreate: true }),
    )
}

async function runTask(
  flags: CacheFlags,
  work: (task: Task) => Promise<void>,
  options: { readonly mayCreate?: boolean } = {},
): Promise<void> {
  const end = new AbortController()
  void untilTold().then(() => end.abort(new Error('interrupted')))
  const given = new Map<string, Given>()
  if (flags.dataDir !== undefined) given.set('--data-dir', resolve(flags.dataDir))
  if (flags.config !== undefined) given.set('--config', flags.config)
  const config = await loadConfig({
    flags: given,
    unknownArguments: [],
    environment: process.env,
    defaults: { dataDir: defaultDataDir(process.env) },
  })
  // Only now: neither LevelDB nor undici is needed for help.
  const { openControl } = await import('../cache-control/open-control.ts')
  try {
    await using control = await openControl(config, options)
    await work({ control, signal: end.signal })
  } catch (error) {
    if (!end.signal.aborted) throw error
    process.exitCode = exitCodes.interrupted
  }
}

async function listImages({ control, signal }: Task, json: boolean): Promise<void> {
  const listing = await control.list({ signal })
  if (json) return print(JSON.stringify(listing))
  const rows = listing.images.map(rowOf)
  printTable(process.stdout, ['image', 'size', 'here', 'last used', ''], rows)
  print(`\n${listing.images.length} images; the cache takes ${formatBytes(listing.usedBytes)} on disk`)
}

function rowOf(image: CachedImage): string[] {
  const { name, digest, size, held, complete, lastUsedAt, pinned, platforms } = image
  const here = complete ? 'complete' : size === 0 ? 'nothing' : `${Math.floor((100 * held) / size)} %`
  const notes = [...(pinned ? ['pinned'] : []), ...platforms]
  const used =
    lastUsedAt === undefined ? 'never' : new Date(lastUsedAt).toISOString().slice(0, 16).replace('T', ' ')
  return [name ?? digest ?? '', formatBytes(size), here, used, notes.join(', ')]
}

async function verify({ control, signal }: Task, image: string | undefined, json: boolean): Promise<void> {
  const totals = { blobs: 0, bytes: 0, damaged: 0 }
  for await (const { digest, size, damage } of control.verify(image, { signal })) {
    totals.blobs++
    totals.bytes += size
    if (damage === undefined) continue
    totals.damaged++
    print(`${digest} is damaged and will be fetched again: ${damage}`)
  }
  print(
    `${totals.blobs} blobs, ${formatBytes(totals.bytes)}: ${totals.damaged === 0 ? 'all as they should be' : `${totals.damaged} damaged`}`,
  )
  if (json) print(JSON.stringify(totals))
  if (totals.damaged > 0) process.exitCode = exitCodes.failed
}

async function exportTo({ control, signal }: Task, image: string, to: string): Promise<void> {
  const { exportImage } = await import('../archive/export-image.ts')
  const target = to === '-' ? process.stdout : resolve(to)
  const { digests, bytes } = await exportImage(control, { image, to: target }, { signal })
  const line = `exported ${image} (${digests.join(', ')}, ${formatBytes(bytes)})`
  if (to === '-') process.stderr.write(`${line}\n`)
  else print(`${line} to ${to}`)
}

async function importFrom(
  { control, signal }: Task,
  from: string,
  how: Omit<ImportInit, 'files'>,
): Promise<void> {
  const [{ importImages }, { openFiles }] = await Promise.all([
    import('../archive/import-images.ts'),
    import('../archive/open-files.ts'),
  ])
  await using files = await openFiles(from, { stdin: process.stdin, signal })
  const imported = await importImages(control, { files, ...how }, { signal })
  for (const { names, digest, added, shared } of imported) {
    const what = names.length === 0 ? 'an image without a name (give it one with --name)' : names.join(', ')
    const saved = shared === 0 ? '' : `, ${formatBytes(shared)} of it without a copy`
    print(`imported ${what} (${digest}, ${formatBytes(added)} new${saved})`)
  }
  if (!how.isPublic && imported.some(({ names }) => names.length > 0)) {
    print('only those have it whom its registry lets in; with --public everybody does who reaches a node')
  }
}

function freedText(what: string, { blobs, bytes }: Freed): string {
  return `${what}: ${blobs} blobs removed, ${formatBytes(bytes)} freed`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
