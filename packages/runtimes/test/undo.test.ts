import { chmod, chown, mkdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { applyChanges, markInstalled } from '../dist/apply.js'
import { addMirror } from '../dist/daemon-json.js'
import { HostFiles } from '../dist/host-files.js'
import type { Change } from '../dist/index.js'
import { JournalFile } from '../dist/journal.js'
import { insertBlock } from '../dist/marked-block.js'
import { rollBack } from '../dist/undo.js'
import { describeTree, temporaryRoot } from './tree.ts'

const shim = 'http://127.0.0.1:5005'
const stateDir = '/var/lib/shoal/install'
/** Each run is hundreds of system calls; the seed is another one every time. */
const runs = { numRuns: 20 }
const isRoot = process.getuid?.() === 0

/** What a node may have at one of the paths that an install changes. */
const priorFile = fc.record({
  content: fc.oneof(
    fc.constantFrom(
      '',
      '# nothing\n',
      'server = "x"',
      '[host."http://a"]\n  ca = "/x"\n',
      'a = 1\r\nb = 2\r\n',
    ),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
  ),
  mode: fc.constantFrom(0o644, 0o600, 0o640, 0o755, 0o444),
  owner: fc.constantFrom(0, 1, 1000),
  mtime: fc
    .integer({ min: 1, max: 2_000_000_000 })
    .chain((seconds) => fc.integer({ min: 0, max: 999_999 }).map((micros) => seconds + micros / 1e6)),
  linked: fc.boolean(),
})
const paths = [
  '/etc/containerd/certs.d/_default/hosts.toml',
  '/etc/containerd/certs.d/docker.io/hosts.toml',
  '/etc/containers/registries.conf',
  '/etc/containers/registries.conf.d/000-shoal.conf',
  '/home/user/.config/containers/registries.conf.d/000-shoal.conf',
]
const daemonJson = '/etc/docker/daemon.json'
const daemonJsons = [
  '{}',
  '{\n\t"debug": true\n}\n',
  '{"registry-mirrors": []}',
  '{"registry-mirrors":["https://m"]}\n',
]
const priorState = fc.record({
  files: fc.tuple(...paths.map(() => fc.option(priorFile, { freq: 2 }))),
  daemon: fc.option(fc.constantFrom(...daemonJsons)),
  /** Directories that are there though nothing is in them. */
  directories: fc.subarray(['/etc/containerd/certs.d', '/etc/docker', '/var/lib/shoal']),
})
type Prior = typeof priorState extends fc.Arbitrary<infer T> ? T : never

async function build(root: string, { files, daemon, directories }: Prior): Promise<void> {
  for (const directory of directories) await mkdir(join(root, directory), { recursive: true })
  for (const [index, file] of files.entries()) {
    if (file === null) continue
    const path = join(root, paths[index] as string)
    await mkdir(dirname(path), { recursive: true })
    const place = file.linked ? join(root, `real-${index}`) : path
    // As on hosts whose configuration lives elsewhere: absolute, seen from the host.
    if (file.linked) await symlink(`/real-${index}`, path)
    await writeFile(place, file.content)
    if (isRoot) await chown(place, file.owner, file.owner)
    await chmod(place, file.mode)
    await utimes(place, file.mtime, file.mtime)
  }
  if (daemon === null) return
  await mkdir(join(root, dirname(daemonJson)), { recursive: true })
  await writeFile(join(root, daemonJson), daemon)
}

async function changesFor(files: HostFiles): Promise<Change[]> {
  const changes: Change[] = []
  for (const path of paths) {
    const text = (await files.readText(path)) ?? ''
    const block = { text: `[host."${shim}"]` }
    changes.push({
      kind: 'write-file',
      path,
      text: insertBlock(text, 0, block),
      edit: { kind: 'marked' },
      reason: '',
    })
  }
  const text = addMirror((await files.readText(daemonJson)) ?? '', shim, daemonJson)
  const edit = { kind: 'mirror', url: shim } as const
  changes.push({ kind: 'write-file', path: daemonJson, text, edit, reason: '' })
  const path = '/etc/containerd/certs.d:/etc/docker/certs.d'
  changes.push({ kind: 'make-symlink', path, target: '/etc/containerd/certs.d', reason: '' })
  return changes
}

class PowerCut extends Error {}

/** A host that loses power after so many changes to its disk. */
class FragileFiles extends HostFiles {
  #left: number

  constructor(root: string, steps: number) {
    super(root)
    this.#left = steps
  }

  #step(): void {
    if (this.#left-- <= 0) throw new PowerCut()
  }

  override async replace(...args: Parameters<HostFiles['replace']>): Promise<void> {
    this.#step()
    await super.replace(...args)
  }

  override async link(...args: Parameters<HostFiles['link']>): Promise<void> {
    this.#step()
    await super.link(...args)
  }

  override async remove(path: string): Promise<void> {
    this.#step()
    await super.remove(path)
  }

  override async makeDirectory(path: string, mode?: number): Promise<void> {
    this.#step()
    await super.makeDirectory(path, mode)
  }

  override async removeDirectory(path: string): Promise<boolean> {
    this.#step()
    return await super.removeDirectory(path)
  }
}

async function survives(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error
  }
}

/** The changes to the disk that an install makes here, and more than an uninstall does. */
const steps = fc.integer({ min: 0, max: 30 })

test('uninstall gives back any state of a node: bytes, modes, owners and times', async (t) => {
  await fc.assert(
    fc.asyncProperty(priorState, async (prior) => {
      await using root = await temporaryRoot()
      await build(root.path, prior)
      const before = await describeTree(root.path)
      const files = new HostFiles(root.path)
      const journal = new JournalFile(files, stateDir)
      await applyChanges(await changesFor(files), { files, journal, shim })
      await markInstalled(journal)
      t.notDeepEqual(await describeTree(root.path), before)
      await rollBack(files, journal)
      t.deepEqual(withoutStateHome(await describeTree(root.path)), withoutStateHome(before))
    }),
    runs,
  )
})

test('it does so whenever the power went during the install, and during the uninstall', async (t) => {
  await fc.assert(
    fc.asyncProperty(priorState, steps, steps, async (prior, installSteps, undoSteps) => {
      await using root = await temporaryRoot()
      await build(root.path, prior)
      const before = await describeTree(root.path)
      const files = new HostFiles(root.path)
      const changes = await changesFor(files)
      const fragile = new FragileFiles(root.path, installSteps)
      await survives(() =>
        applyChanges(changes, { files: fragile, journal: new JournalFile(fragile, stateDir), shim }),
      )
      const worn = new FragileFiles(root.path, undoSteps)
      await survives(() => rollBack(worn, new JournalFile(worn, stateDir)))
      await rollBack(files, new JournalFile(files, stateDir))
      const after = await describeTree(root.path)
      t.deepEqual(withoutStateHome(after), withoutStateHome(before))
    }),
    runs,
  )
})

test('an install over an install, and an uninstall over an uninstall, change nothing more', async (t) => {
  await fc.assert(
    fc.asyncProperty(priorState, steps, async (prior, installSteps) => {
      await using root = await temporaryRoot()
      await build(root.path, prior)
      const before = await describeTree(root.path)
      const files = new HostFiles(root.path)
      const journal = new JournalFile(files, stateDir)
      const changes = await changesFor(files)
      const fragile = new FragileFiles(root.path, installSteps)
      await survives(() =>
        applyChanges(changes, { files: fragile, journal: new JournalFile(fragile, stateDir), shim }),
      )
      // An interrupted install is finished by the next one, which plans only what is missing.
      const missing = await absentChanges(changes, files)
      await applyChanges(missing, { files, journal, shim })
      await rollBack(files, journal)
      t.is(await rollBack(files, journal), undefined)
      t.deepEqual(withoutStateHome(await describeTree(root.path)), withoutStateHome(before))
    }),
    runs,
  )
})

test('what others added to the files since stays, and ours goes', async (t) => {
  await fc.assert(
    fc.asyncProperty(priorState, fc.nat(paths.length - 1), async (prior, index) => {
      await using root = await temporaryRoot()
      await build(root.path, prior)
      const files = new HostFiles(root.path)
      const journal = new JournalFile(files, stateDir)
      const path = paths[index] as string
      const original = (await files.readText(path)) ?? ''
      await applyChanges(await changesFor(files), { files, journal, shim })
      const place = join(root.path, await files.resolve(path))
      const theirs = '\n[theirs]\nkey = 1\n'
      await writeFile(place, `${await readFile(place, 'utf8')}${theirs}`, 'utf8')
      await rollBack(files, journal)
      t.is(await readFile(place, 'utf8'), `${original}${theirs}`)
    }),
    runs,
  )
})

test('a key that others added to daemon.json stays, and no key of ours is left', async (t) => {
  await using root = await temporaryRoot()
  const files = new HostFiles(root.path)
  const journal = new JournalFile(files, stateDir)
  await mkdir(join(root.path, '/etc/docker'), { recursive: true })
  const place = join(root.path, daemonJson)
  await writeFile(place, '{\n    "debug":   true\n}\n')
  await applyChanges(await changesFor(files), { files, journal, shim })
  const edited = (await readFile(place, 'utf8')).replace('"debug":', '"ipv6": true, "debug":')
  await writeFile(place, edited)
  await rollBack(files, journal)
  t.deepEqual(JSON.parse(await readFile(place, 'utf8')), { ipv6: true, debug: true })
})

test('a file that others removed since stays away, and a new mode stays', async (t) => {
  await using root = await temporaryRoot()
  const files = new HostFiles(root.path)
  const journal = new JournalFile(files, stateDir)
  const [first, second] = paths.map((path) => join(root.path, path)) as [string, string]
  for (const place of [first, second]) {
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, 'server = "a"\n')
  }
  await applyChanges(await changesFor(files), { files, journal, shim })
  await rm(first)
  await chmod(second, 0o600)
  await rollBack(files, journal)
  await t.throwsAsync(stat(first), { code: 'ENOENT' })
  t.is((await stat(second)).mode & 0o777, 0o600)
  t.is(await readFile(second, 'utf8'), 'server = "a"\n')
})

test('a journal of garbage is refused with its path, and nothing is touched', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (garbage) => {
      await using root = await temporaryRoot()
      await mkdir(join(root.path, stateDir), { recursive: true })
      await writeFile(join(root.path, stateDir, 'journal.json'), garbage)
      const before = await describeTree(root.path)
      const files = new HostFiles(root.path)
      const error = await t.throwsAsync(rollBack(files, new JournalFile(files, stateDir)))
      t.regex(error?.message ?? '', /journal\.json is damaged/)
      t.deepEqual(await describeTree(root.path), before)
    }),
    { numRuns: 30 },
  )
})

test('a journal that points outside of plain paths is refused', async (t) => {
  await using root = await temporaryRoot()
  await mkdir(join(root.path, stateDir), { recursive: true })
  const entry = { kind: 'directory', path: '/etc/../../escape' }
  const text = JSON.stringify({
    version: 1,
    state: 'installed',
    shim,
    entries: [entry],
    parents: [],
    home: [],
  })
  await writeFile(join(root.path, stateDir, 'journal.json'), text)
  const files = new HostFiles(root.path)
  await t.throwsAsync(rollBack(files, new JournalFile(files, stateDir)), { message: /is damaged/ })
})

async function absentChanges(changes: readonly Change[], files: HostFiles): Promise<Change[]> {
  const missing: Change[] = []
  for (const change of changes) {
    const there =
      change.kind === 'write-file'
        ? (await files.readText(change.path)) === change.text
        : (await files.snapshot(change.path)).kind === 'symlink'
    if (!there) missing.push(change)
  }
  return missing
}

/**
 * Without the journal's own place, and without the times of the directories above it (`/`, `/var`, `/var/lib`),
 * which no configuration depends on.
 */
function withoutStateHome(lines: readonly string[]): string[] {
  return lines.filter((line) => !/^var(?:\/|\b)/.test(line))
}
