import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { execa } from 'execa'
import { RemoteControl } from '../dist/cache-control/remote-control.js'
import { cli, lineOf, shoal, spawnAgent, startAgent } from './cli.ts'
import { someBytes, type TestImage, temporaryDirectory, writeLayout } from './fixture.ts'

const newLayout = async (t: ExecutionContext): Promise<TestImage> =>
  writeLayout(await temporaryDirectory(t), [someBytes(700_000), someBytes(300_000)])

const pathOf = (directory: string, digest: string): string => join(directory, 'blobs', ...digest.split(':'))

/** What a cache has of an image that was imported: each blob's file, beside that which it was imported from. */
async function filesOf(dataDir: string, image: TestImage) {
  const digests = [image.index, image.manifest, image.config, ...image.layers].map(({ digest }) => digest)
  return Promise.all(
    digests.map(async (digest) => ({
      own: await stat(pathOf(dataDir, digest)),
      theirs: await stat(pathOf(image.directory, digest)),
    })),
  )
}

const mountXfs =
  'truncate -s 4G "$0.xfs" && mkfs.xfs -q -m reflink=1 "$0.xfs" && mkdir "$0" && mount -o loop "$0.xfs" "$0"'
const mountEmpty = 'mount -t tmpfs -o size=64m shoal-test "$0"'

/** Why this machine has no such mount for us, if it has not. */
async function failureOf(command: string): Promise<string | undefined> {
  const directory = await mkdtemp('/tmp/shoal-mount-')
  const { status, stderr, error } = spawnSync('unshare', ['-m', 'sh', '-c', command, join(directory, 'at')])
  await rm(directory, { recursive: true })
  return status === 0 ? undefined : (error?.message ?? String(stderr).trim().split('\n')[0])
}

// Before the first test: ava takes none after a wait.
const [xfsFailure, emptyFailure] = await Promise.all([
  failureOf(mountXfs),
  failureOf(`mkdir "$0" && ${mountEmpty}`),
])

for (const [state, prepare] of [
  ['by an agent that runs', (t: ExecutionContext, dataDir: string) => startAgent(t, '--data-dir', dataDir)],
  ['without an agent', async () => undefined],
] as const) {
  test.serial(
    `the files of a directory are imported ${state} as copies, unless it may have them`,
    async (t) => {
      const image = await newLayout(t)
      const dataDir = join(await temporaryDirectory(t), 'data')
      await prepare(t, dataDir)
      const import_ = (...flags: string[]) =>
        shoal([
          'cache',
          '--data-dir',
          dataDir,
          'import',
          image.directory,
          '--name',
          'registry.test/app:1',
          ...flags,
        ])
      t.is((await import_()).stderr, '')
      for (const { own, theirs } of await filesOf(dataDir, image)) t.not(own.ino, theirs.ino)
      const rm = await shoal(['cache', '--data-dir', dataDir, 'rm', 'registry.test/app:1'])
      t.is(rm.status, 0)
      t.regex((await import_('--link')).stdout, /1\.0 MB new, 1\.0 MB of it without a copy/)
      for (const { own, theirs } of await filesOf(dataDir, image)) {
        const isLinked = own.ino === theirs.ino
        t.true(isLinked || (own.nlink === 1 && theirs.nlink === 1)) // cloned, where the file system can
      }
      t.regex((await shoal(['cache', '--data-dir', dataDir, 'verify'])).stdout, /all as they should be/)
      t.deepEqual(await readdir(join(dataDir, 'uploads')), [])
    },
  )
}

function testIf(
  failure: string | undefined,
  title: string,
  implementation: (t: ExecutionContext) => Promise<void>,
) {
  if (failure === undefined) test.serial(title, implementation)
  else test.skip(`${title} (not tried: ${failure})`, implementation)
}

const withoutCopy = /1\.0 MB new, 1\.0 MB of it without a copy/

testIf(
  xfsFailure,
  'where the file system clones files, an agent that runs imports a directory without a copy',
  async (t) => {
    const image = await newLayout(t)
    const at = join(await temporaryDirectory(t), 'at')
    const within = ['unshare', '-m', 'sh', '-c', `${mountXfs} && exec "$@"`, at]
    const agent = spawnAgent(t, ['--data-dir', join(at, 'data')], {}, within)
    await lineOf(agent, 'agent ready')
    const there = (...command: string[]) =>
      execa('nsenter', ['-t', String(agent.process.pid), '-m', ...command])
    await there('cp', '-r', image.directory, join(at, 'layout'))
    const args = [cli, 'cache', '--data-dir', join(at, 'data')]
    t.regex((await there(process.execPath, ...args, 'import', join(at, 'layout'))).stdout, withoutCopy)
    t.regex((await there(process.execPath, ...args, 'verify')).stdout, /all as they should be/)
  },
)

testIf(xfsFailure, 'and so does the command when no agent runs', async (t) => {
  const image = await newLayout(t)
  const at = join(await temporaryDirectory(t), 'at')
  const script = `${mountXfs} && cp -r "$1" "$0/layout" && exec "$2" "$3" cache --data-dir "$0/data" import "$0/layout"`
  const imported = await execa('unshare', [
    '-m',
    'sh',
    '-c',
    script,
    at,
    image.directory,
    process.execPath,
    cli,
  ])
  t.regex(imported.stdout, withoutCopy)
})

for (const [what, prepare] of [
  ['nothing', async () => undefined],
  [
    'another image',
    async (directory: string, image: TestImage) => {
      await cp(image.directory, directory, { recursive: true })
      for (const { digest, size } of image.layers)
        await writeFile(pathOf(directory, digest), Buffer.alloc(size))
    },
  ],
] as const) {
  testIf(
    emptyFailure,
    `an image is imported that lies where the agent, on another file system, sees ${what}`,
    async (t) => {
      const image = await newLayout(t)
      const dataDir = join(await temporaryDirectory(t), 'data')
      await startAgent(t, '--data-dir', dataDir)
      const at = join(await temporaryDirectory(t), 'at')
      await mkdir(at)
      await prepare(at, image)
      const script = `${mountEmpty} && cp -r "$1/." "$0" && exec "$2" "$3" cache --data-dir "$4" import --link "$0"`
      const args = [at, image.directory, process.execPath, cli, dataDir]
      const imported = await execa('unshare', ['-m', 'sh', '-c', script, ...args])
      t.regex(imported.stdout, /1\.0 MB new/)
      t.regex(
        (await shoal(['cache', '--data-dir', dataDir, 'verify'])).stdout,
        /5 blobs.*all as they should be/,
      )
    },
  )
}

test.serial('an agent that does not know of files yet is sent the bytes', async (t) => {
  const dataDir = await temporaryDirectory(t)
  await mkdir(join(dataDir, 'control'))
  const server = createServer((request, response) => {
    const refusal = { code: 'NOT_FOUND', message: `${request.method} ${request.url} is nothing here` }
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(refusal))
  })
  server.listen(join(dataDir, 'control', 'agent.sock'))
  t.teardown(() => server.close())
  await once(server, 'listening')
  await using control = await RemoteControl.open(dataDir)
  const [descriptor] = (await newLayout(t)).layers
  if (descriptor === undefined) return t.fail()
  t.false(await control.share({ descriptor, file: '/nowhere', mayLink: false }))
})
