import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { shareFile } from '../dist/share-file.js'
import { run } from './child.ts'
import { makeDirectory } from './fixture.ts'

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

async function takeIn(t: ExecutionContext, way: keyof typeof fileSystems): Promise<void> {
  const directory = join(await makeDirectory(t), 'mounted')
  const script = fileURLToPath(new URL('share.script.ts', import.meta.url))
  const command = `mkdir "$0" && ${fileSystems[way]} && exec "$@"`
  const child = run(t, 'unshare', [
    '-m',
    'sh',
    '-c',
    command,
    directory,
    process.execPath,
    script,
    directory,
    way,
  ])
  for await (const line of child.lines) t.log(line)
  t.is(await child.ended(), 0)
}

for (const [way, title] of [
  ['clone', 'where the file system clones files, a pinned image of containerd is taken in without its bytes'],
  ['link', 'where it does not, it is taken in by hard links'],
] as const) {
  const why = mountFailure[way]
  if (why === undefined) test(title, (t) => takeIn(t, way))
  else test.skip(`${title} (not tried: ${why})`, (t) => takeIn(t, way))
}

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
