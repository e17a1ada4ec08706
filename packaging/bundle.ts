import { createHash } from 'node:crypto'
import { chmod, cp, glob, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { parse } from 'yaml'

/** The names that images use, and those of Node.js. */
const nodeArchitectures = { amd64: 'x64', arm64: 'arm64' } as const
export type Architecture = keyof typeof nodeArchitectures

const root = join(import.meta.dirname, '..')

/** Where it is installed. The command's first line names it, since an image has no shell and no env. */
const prefix = '/opt/shoal'

/** What no program reads when it runs; and what was built for others. Licences stay. */
const ballast = [
  '**/*.{ts,cts,mts,map,markdown,tsbuildinfo}',
  '**/{README,CHANGELOG,readme,changelog,HISTORY,UPGRADING}*.md',
  'node_modules/@types',
  'node_modules/*/{test,tests,docs,benchmark,benchmarks,examples}',
  '**/.{github,husky,npmignore,eslintrc*,prettierrc*,editorconfig,taprc,airtap*}',
  'node_modules/{*,@*/*}/dist/index.min.js',
  'node_modules/classic-level/{deps,binding.cc,binding.gyp}',
  'node_modules/.pnpm*',
  'node_modules/.modules.yaml',
  'pnpm-lock.yaml',
  'src',
]

export interface BundleOptions {
  readonly architecture: Architecture
  /** A directory that is not there yet. */
  readonly out: string
  /** The time of every file, in seconds since 1970, so that the same commit makes the same bytes. */
  readonly epoch: number
}

/**
 * Makes what is installed at /opt/shoal: Node.js for the architecture, the agent and what it depends on.
 * Needs an installed and built working copy.
 */
export async function bundle({ architecture, out, epoch }: BundleOptions): Promise<void> {
  const lib = join(out, 'lib')
  await mkdir(join(out, 'bin'), { recursive: true })
  await execa(
    join(root, 'node_modules/.bin/pnpm'),
    [
      ...['--filter', '@shoal/agent', 'deploy', '--prod', '--legacy', '--config.node-linker=hoisted'],
      // Links into pnpm's store would have their modes and times changed there, for every other working copy.
      ...['--config.package-import-method=copy', lib],
    ],
    { cwd: root, stdout: 'ignore', stderr: 'inherit' },
  )
  await dropBallast(lib, nodeArchitectures[architecture])
  await addNode(architecture, join(out, 'bin/node'))
  await writeFile(join(out, 'package.json'), `${JSON.stringify({ type: 'module' })}\n`)
  await writeFile(join(out, 'bin/shoal'), `#!${prefix}/bin/node\nimport '../lib/dist/cli.js'\n`)
  await cp(join(root, 'LICENSE'), join(out, 'LICENSE'))
  await settle(out, epoch)
}

async function dropBallast(lib: string, nodeArchitecture: string): Promise<void> {
  const remove = async (pattern: string, exclude?: (path: string) => boolean): Promise<void> => {
    for await (const path of glob(pattern, { cwd: lib })) {
      if (exclude?.(path) !== true) await rm(join(lib, path), { recursive: true, force: true })
    }
  }
  for (const pattern of ballast) await remove(pattern)
  await remove(
    'node_modules/classic-level/prebuilds/*/*',
    (path) => path.includes(`/linux-${nodeArchitecture}/`) && !path.includes('.musl.'),
  )
  await execa('find', [lib, '-depth', '-type', 'd', '-empty', '-delete'])
}

/** Node.js as the npm registry has it, checked against the lock file. */
async function addNode(architecture: Architecture, to: string): Promise<void> {
  const name = `node-linux-${nodeArchitectures[architecture]}`
  const version: string = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).optionalDependencies[
    name
  ]
  const lock = parse(await readFile(join(root, 'pnpm-lock.yaml'), 'utf8'))
  const expected: string = lock.packages[`${name}@${version}`].resolution.integrity

  const directory = await mkdtemp(join(tmpdir(), 'shoal-node-'))
  try {
    const packed = await execa('npm', ['pack', '--silent', `${name}@${version}`], { cwd: directory })
    const archive = join(directory, packed.stdout.trim())
    const integrity = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`
    if (integrity !== expected) {
      throw new Error(
        `${name}@${version} is not what the lock file names: got ${integrity}, expected ${expected}`,
      )
    }
    await execa('tar', ['-xzf', archive, '-C', directory, 'package/bin/node', 'package/LICENSE'])
    await cp(join(directory, 'package/bin/node'), to)
    await cp(join(directory, 'package/LICENSE'), join(dirname(dirname(to)), 'LICENSE.node'))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** The same modes and times whoever builds it, and when. */
async function settle(out: string, epoch: number): Promise<void> {
  const paths = (await Array.fromAsync(glob('**', { cwd: out, withFileTypes: true }))).map((entry) => ({
    path: join(entry.parentPath, entry.name),
    isFile: entry.isFile(),
    isLink: entry.isSymbolicLink(),
  }))
  for (const { path, isFile, isLink } of paths) {
    if (isLink) continue
    await chmod(path, !isFile || dirname(path) === join(out, 'bin') ? 0o755 : 0o644)
  }
  for (const { path, isLink } of paths.toReversed()) if (!isLink) await utimes(path, epoch, epoch)
}

/** The time of the commit, unless the builder's own tool gives another. */
export async function sourceEpoch(): Promise<number> {
  const given = process.env.SOURCE_DATE_EPOCH
  if (given !== undefined && given !== '') return Number(given)
  const { stdout } = await execa('git', ['log', '-1', '--format=%ct'], { cwd: root })
  return Number(stdout)
}

export function architectureOf(name: string | undefined): Architecture {
  if (name !== undefined && Object.hasOwn(nodeArchitectures, name)) return name as Architecture
  throw new TypeError(`--arch ${name}: expected one of ${Object.keys(nodeArchitectures).join(', ')}`)
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: 'string' }, out: { type: 'string' } } })
  if (values.out === undefined) throw new TypeError('--out <directory> is missing')
  await bundle({ architecture: architectureOf(values.arch), out: values.out, epoch: await sourceEpoch() })
}
