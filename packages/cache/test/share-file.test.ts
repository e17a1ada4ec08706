import { spawnSync } from 'node:child_process'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StoreError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { nodeFiles } from '../dist/file-layer.js'
import { openCacheOn } from '../dist/open-cache.js'
import { shareFile } from '../dist/share-file.js'
import { run } from './child.ts'
import { chunkLength, fileOf, load, makeBlob, makeCache, makeDirectory, open, store } from './fixture.ts'

/** File systems of their own in `$0`, which go with the process: one that clones files, one that only links them. */
const fileSystems = {
  clone: 'truncate -s 512M "$0.xfs" && mkfs.xfs -q -m reflink=1 "$0.xfs" && mount -o loop "$0.xfs" "$0"',
  link: 'mount -t tmpfs -o size=256m shoal-test "$0"',
}

const probe = await mkdtemp('/tmp/shoal-mount-')
const mountFailure = Object.fromEntries(
  Object.entries(fileSystems).map(([way, mount]) => {
    const { status, stderr, error } = spawnSync('unshare', ['-m', 'sh', '-c', mount, probe])
    const why = error?.message ?? String(stderr).trim().split('\n')[0]
    return [way, status === 0 ? undefined : why]
  }),
)
await rm(`${probe}.xfs`, { force: true })
await rm(probe, { recursive: true })

/** Runs a script of this directory on a file system of its own. */
async function runOn(t: ExecutionContext, way: keyof typeof fileSystems, scriptName: string): Promise<void> {
  const directory = join(await makeDirectory(t), 'mounted')
  const script = fileURLToPath(new URL(scriptName, import.meta.url))
  const command = `mkdir "$0" && chmod 755 "$0/.." && ${fileSystems[way]} && exec "$@"`
  const shell = ['-m', 'sh', '-c', command, directory]
  const child = run(t, 'unshare', [...shell, process.execPath, script, directory, way])
  for await (const line of child.lines) t.log(line)
  t.is(await child.ended(), 0)
}

for (const [way, script, title] of [
  [
    'clone',
    'share.script.ts',
    'where the file system clones files, a pinned image of containerd is taken in without its bytes',
  ],
  ['link', 'share.script.ts', 'where it does not, it is taken in by hard links'],
  ['clone', 'lend.script.ts', 'a file that its owner goes on to write is taken in as a clone'],
  [
    'link',
    'lend.script.ts',
    'where there are no clones it is linked if allowed, and what its owner does to it noticed',
  ],
  [
    'link',
    'mounted-blobs.script.ts',
    'a cache without privileges shares what root’s containerd has if only its blobs are mounted',
  ],
] as const) {
  const why = mountFailure[way]
  if (why === undefined) test(title, (t) => runOn(t, way, script))
  else test.skip(`${title} (not tried: ${why})`, (t) => runOn(t, way, script))
}

const blob = makeBlob(2 * chunkLength + 3)
const { descriptor } = blob
for (const [what, make] of [
  ['nothing', async () => undefined],
  ['a directory', (path: string) => mkdir(path)],
  ['a pipe that nobody writes', async (path: string) => spawnSync('mkfifo', [path])],
  ['a file with other bytes', (path: string) => writeFile(path, makeBlob(descriptor.size, 'other').bytes)],
  ['a file with more bytes', (path: string) => writeFile(path, Buffer.concat([blob.bytes, Buffer.alloc(1)]))],
  ['a file with fewer bytes', (path: string) => writeFile(path, blob.bytes.subarray(1))],
] as const) {
  test(`${what} is not taken in for a blob, and nothing of it stays`, async (t) => {
    const { cache, dataDir } = await makeCache(t)
    const from = join(await makeDirectory(t), 'from')
    await make(from)
    t.false(await cache.importFile({ descriptor, from, mayLink: true }))
    t.false(await cache.blobs.has(descriptor.digest))
    t.is(cache.usedBytes(), 0)
    t.deepEqual(await readdir(join(dataDir, 'uploads')), [])
    // It can come another way.
    await store(cache, blob)
    t.deepEqual(await load(cache, blob), blob.bytes)
  })
}

test('a symbolic link is followed to the file, and a blob that is here is not taken in again', async (t) => {
  const { cache, dataDir } = await makeCache(t)
  const directory = await makeDirectory(t)
  await writeFile(join(directory, 'file'), blob.bytes)
  const from = join(directory, 'from')
  await symlink('file', from)
  t.true(await cache.importFile({ descriptor, from, mayLink: true }))
  t.true((await lstat(fileOf(dataDir, 'blobs', blob))).isFile())
  t.deepEqual(await load(cache, blob), blob.bytes)
  await writeFile(from, 'other')
  t.true(await cache.importFile({ descriptor, from: join(directory, 'none'), mayLink: true }))
})

test('a file larger than the quota is refused, and blobs give way for one that is not', async (t) => {
  const dataDir = join(await makeDirectory(t), 'data')
  const cache = await open(t, dataDir, { quota: { bytes: 3 * chunkLength } })
  for (const seed of ['a', 'b', 'c']) await store(cache, makeBlob(chunkLength, seed))
  const from = join(await makeDirectory(t), 'from')
  await writeFile(from, blob.bytes)
  t.true(await cache.importFile({ descriptor, from, mayLink: true }))
  t.true(cache.usedBytes() <= 3 * chunkLength)
  const large = makeBlob(4 * chunkLength)
  await rm(from) // the cache may have the same file
  await writeFile(from, large.bytes)
  const lent = { descriptor: large.descriptor, from, mayLink: true }
  const refusal = await t.throwsAsync(cache.importFile(lent), { instanceOf: StoreError })
  t.is(refusal.fault, 'over-quota')
  t.deepEqual(await load(cache, blob), blob.bytes)
})

test('while a file is taken in, nothing else gets its room', async (t) => {
  const from = join(await makeDirectory(t), 'from')
  await writeFile(from, blob.bytes)
  const renaming = Promise.withResolvers<void>()
  const mayRename = Promise.withResolvers<void>()
  const cache = await openCacheOn(
    {
      ...nodeFiles,
      async rename(...names) {
        renaming.resolve()
        await mayRename.promise
        await nodeFiles.rename(...names)
      },
    },
    { dataDir: join(await makeDirectory(t), 'data'), quota: { bytes: blob.bytes.length } },
  )
  t.teardown(() => cache.stop())
  const taken = cache.importFile({ descriptor, from, mayLink: true })
  await renaming.promise
  const other = cache.blobs.openPartial(makeBlob(1, 'other').descriptor)
  const refusal = await t.throwsAsync(other, { instanceOf: StoreError })
  t.is(refusal.fault, 'over-quota')
  mayRename.resolve()
  t.true(await taken)
})

test('across file systems a file is copied, for its owner to write', async (t) => {
  const from = join(await makeDirectory(t), 'from')
  await writeFile(from, 'bytes', { mode: 0o444 })
  const elsewhere = await mkdtemp('/dev/shm/shoal-cache-')
  t.teardown(() => rm(elsewhere, { recursive: true }))
  t.is(await shareFile(from, join(elsewhere, 'to')), 'copy')
  t.is(await readFile(join(elsewhere, 'to'), 'utf8'), 'bytes')
  t.is((await stat(join(elsewhere, 'to'))).mode & 0o777, 0o600)
})

test('what is there is not replaced', async (t) => {
  const directory = await makeDirectory(t)
  for (const name of ['from', 'to']) await writeFile(join(directory, name), name)
  await t.throwsAsync(shareFile(join(directory, 'from'), join(directory, 'to')), { code: 'EEXIST' })
  t.is(await readFile(join(directory, 'to'), 'utf8'), 'to')
})
