import { createHash } from 'node:crypto'
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { execa } from 'execa'
import { create } from 'tar'
import type { AgentStatus } from '../dist/agent-status.js'
import type { CacheListing } from '../dist/cache-control/cache-control.js'
import { openLayout } from '../dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../dist/demo/upstream-registry.js'
import { cli, type Ended, shoal, startAgent } from './cli.ts'
import { someBytes, type TestImage, temporaryDirectory, writeLayout, writeTree } from './fixture.ts'

const name = 'registry.test/shoal/demo:latest'

interface Node {
  readonly dataDir: string
  readonly image: TestImage
  /** Pulls the image through the agent as a client does. */
  pull(): Promise<void>
  run(...args: string[]): Promise<Ended>
  list(): Promise<CacheListing>
  stop(): Promise<void>
}

const listIn = async (dataDir: string): Promise<CacheListing> => {
  const { stdout, stderr } = await shoal(['cache', '--data-dir', dataDir, 'ls', '--json'])
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

/** A client has its last bytes before the disk does. */
async function stored(admin: string): Promise<void> {
  for (;;) {
    const response = await fetch(`http://${admin}/api/v1/status`)
    const { downloads } = (await response.json()) as AgentStatus
    if (downloads.length === 0) return
  }
}

/** An agent that runs, and an image that it can pull. */
async function startNode(t: ExecutionContext): Promise<Node> {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(700_000), someBytes(300_000)])
  const layout = await openLayout(image.directory)
  const registry = await UpstreamRegistry.start({ layout, name: 'shoal/demo', tag: 'latest' })
  t.teardown(() => registry.stop())
  const dataDir = join(await temporaryDirectory(t), 'data')
  const agent = await startAgent(t, '--data-dir', dataDir, '--upstream', `registry.test=${registry.url}`)
  const repository = `http://${agent.addresses.registry}/v2/registry.test/shoal/demo`
  const get = async (path: string) => {
    const response = await fetch(`${repository}/${path}`, { headers: { accept: '*/*' } })
    t.is(response.status, 200)
    await response.arrayBuffer()
  }
  return {
    dataDir,
    image,
    async pull() {
      await get('manifests/latest')
      await get(`manifests/${image.index.digest}`)
      await get(`manifests/${image.manifest.digest}`)
      for (const { digest } of [image.config, ...image.layers]) await get(`blobs/${digest}`)
      await stored(agent.addresses.admin)
    },
    run: (...args) => shoal(['cache', '--data-dir', dataDir, ...args]),
    list: () => listIn(dataDir),
    async stop() {
      agent.process.kill('SIGTERM')
      await agent.ended()
    },
  }
}

for (const [state, prepare] of [
  ['of an agent that runs', async () => undefined],
  ['that no agent has open', (node: Node) => node.stop()],
] as const) {
  test.serial(`images of a cache ${state} are listed, pinned, unpinned and removed`, async (t) => {
    const node = await startNode(t)
    await node.pull()
    await prepare(node)
    const { images, usedBytes } = await node.list()
    t.is(images.length, 1)
    t.like(images[0], { name, digest: node.image.index.digest, complete: true, pinned: false })
    t.is(images[0]?.held, images[0]?.size)
    t.deepEqual(
      [usedBytes],
      images.map(({ held }) => held),
    )
    t.true(Number(images[0]?.lastUsedAt) > Date.now() - 60_000)

    t.is((await node.run('pin', name)).stdout, `${name} is pinned`)
    t.regex((await node.run('rm', name)).stderr, /is pinned: unpin it first/)
    t.regex(
      (await node.run('ls')).stdout,
      /registry\.test\/shoal\/demo:latest +1\.0 MB +complete +[-\d]+ [:\d]+ +pinned/,
    )
    t.is((await node.run('unpin', name)).status, 0)
    t.regex((await node.run('rm', name)).stdout, /: 5 blobs removed, 1\.0 MB freed/)
    t.deepEqual(await node.list(), { images: [], usedBytes: 0 })
    t.regex((await node.run('rm', name)).stderr, /is not in the cache; shoal cache ls/)
  })

  test.serial(`damage in a cache ${state} is found by verify, told, and no longer served`, async (t) => {
    const node = await startNode(t)
    await node.pull()
    await prepare(node)
    t.is((await node.run('verify', name)).status, 0)
    const [layer] = node.image.layers
    const file = await open(join(node.dataDir, 'blobs', ...(layer?.digest ?? '').split(':')), 'r+')
    await file.write(Buffer.from('damage'), 0, 6, 1000)
    await file.close()
    const found = await node.run('verify', '--json')
    t.is(found.status, 1)
    t.true(found.stdout.includes(`${layer?.digest} is damaged`))
    t.like(JSON.parse(found.stdout.split('\n').at(-1) ?? ''), { blobs: 5, damaged: 1 })
    t.false((await node.list()).images[0]?.complete)
  })

  test.serial(`an image of a cache ${state} goes to another node in a file`, async (t) => {
    const node = await startNode(t)
    await node.pull()
    await prepare(node)
    const layout = join(await temporaryDirectory(t), 'layout')
    t.is((await node.run('export', name, layout)).status, 0)
    t.deepEqual((await readdir(layout)).toSorted(), ['blobs', 'index.json', 'oci-layout'])
    t.is((await openLayout(layout)).root.digest, node.image.index.digest)

    const tar = `${layout}.tar`
    t.is((await node.run('export', name, tar)).status, 0)
    const other = await startNode(t)
    await prepare(other)
    t.regex(
      (await other.run('import', tar)).stdout,
      /^imported registry\.test\/shoal\/demo:latest .*1\.0 MB new/,
    )
    t.like((await other.list()).images, [{ name, digest: node.image.index.digest, complete: true }])
    t.regex(
      (await other.run('import', layout, '--name', 'other.test/app:1')).stdout,
      /other\.test\/app:1 .* 0 B new/,
    )
    t.is((await other.list()).images.length, 2)
  })
}

test.serial('an export can be piped into an import', async (t) => {
  const node = await startNode(t)
  await node.pull()
  const to = join(await temporaryDirectory(t), 'new')
  const script = '"$0" "$1" cache --data-dir "$2" export "$3" - | "$0" "$1" cache --data-dir "$4" import -'
  await execa('sh', ['-c', script, process.execPath, cli, node.dataDir, name, to])
  t.like((await listIn(to)).images, [{ name, complete: true }])
})

test.serial('an export that nobody reads to its end has failed', async (t) => {
  const node = await startNode(t)
  await node.pull()
  const args = ['-o', 'pipefail', '-c', '"$@" | head -c 1', 'bash', process.execPath, cli, 'cache']
  const { exitCode } = await execa('bash', [...args, '--data-dir', node.dataDir, 'export', name, '-'], {
    reject: false,
    timeout: 60_000,
  })
  t.is(exitCode, 1)
})

test.serial('gc removes what belongs to no image, and keeps what does', async (t) => {
  const node = await startNode(t)
  await node.pull()
  const loose = await writeLayout(await temporaryDirectory(t), [someBytes(50_000)])
  t.is((await node.run('import', loose.directory)).status, 0)
  t.is((await node.list()).images.length, 2)
  t.regex((await node.run('gc')).stdout, /^gc: 3 blobs removed/) // its config is that of the other image, too
  t.like((await node.list()).images, [{ name, complete: true }])
})

test.serial('an image can be pinned before it is pulled', async (t) => {
  const node = await startNode(t)
  t.regex((await node.run('pin', name)).stdout, /not here yet/)
  t.like((await node.list()).images, [{ name, pinned: true, complete: false }])
  await node.pull()
  t.like((await node.list()).images, [{ name, pinned: true, complete: true }])
})

for (const [form, pack] of [
  ['plain', (bytes: Buffer) => bytes],
  ['gzipped', gzipSync],
] as const) {
  test.serial(`a ${form} docker-archive is imported under its names`, async (t) => {
    const directory = await temporaryDirectory(t)
    const layer = someBytes(100_000)
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [] },
    })
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`
    await writeTree(directory, {
      [configName]: config,
      'abc/layer.tar': layer,
      'manifest.json': JSON.stringify([
        { Config: configName, RepoTags: ['busy:1', 'registry.test/busy:2'], Layers: ['abc/layer.tar'] },
      ]),
    })
    const file = join(await temporaryDirectory(t), 'image.tar')
    await create({ file, cwd: directory }, await readdir(directory))
    await writeFile(file, pack(await readFile(file)))
    const dataDir = join(await temporaryDirectory(t), 'data')
    const { stdout, stderr } = await shoal(['cache', '--data-dir', dataDir, 'import', file])
    t.is(stderr, '')
    t.regex(stdout, /^imported busy:1, registry\.test\/busy:2 /)
    const { images } = await listIn(dataDir)
    t.deepEqual(images.map((image) => image.name).toSorted(), [
      'docker.io/library/busy:1',
      'registry.test/busy:2',
    ])
    t.true(images.every(({ complete }) => complete))
    const layout = join(await temporaryDirectory(t), 'out')
    t.is((await shoal(['cache', '--data-dir', dataDir, 'export', 'busy:1', layout])).status, 0)
    const digest = createHash('sha256').update(layer).digest('hex')
    t.is((await stat(join(layout, 'blobs', 'sha256', digest))).size, layer.length)
  })
}

for (const [what, bytes, message] of [
  ['no archive', Buffer.alloc(5000, 'x'), /is no tar archive, or damaged at byte 0/],
  ['an empty file', Buffer.alloc(0), /is neither an OCI image layout nor a docker-archive/],
  ['a gzip of nothing', gzipSync(''), /is neither an OCI image layout nor a docker-archive/],
] as const) {
  test.serial(`${what} is refused in one line`, async (t) => {
    const directory = await temporaryDirectory(t)
    const file = join(directory, 'image.tar')
    await writeFile(file, bytes)
    const { status, stderr } = await shoal(['cache', '--data-dir', join(directory, 'data'), 'import', file])
    t.is(status, 1)
    t.regex(stderr, message)
    t.false(stderr.trim().includes('\n'))
  })
}

test.serial('a layout that lacks a layer, or has another in its place, is refused', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(1000)])
  const path = join(image.directory, 'blobs', ...(image.layers[0]?.digest ?? '').split(':'))
  const dataDir = join(await temporaryDirectory(t), 'data')
  await writeFile(path, someBytes(1000, 2))
  t.regex(
    (await shoal(['cache', '--data-dir', dataDir, 'import', image.directory])).stderr,
    /does not match its digest/,
  )
  await writeFile(path, 'short')
  t.regex(
    (await shoal(['cache', '--data-dir', dataDir, 'import', image.directory])).stderr,
    /has 5 bytes, its manifest says 1000/,
  )
  t.deepEqual((await listIn(dataDir)).images, [])
})

test.serial('a directory without a cache is not made one by looking', async (t) => {
  const directory = await temporaryDirectory(t)
  const { status, stderr } = await shoal(['cache', '--data-dir', join(directory, 'none'), 'ls'])
  t.is(status, 1)
  t.regex(stderr, /^shoal: there is no cache in .*none; name the agent's --data-dir$/)
  t.deepEqual(await readdir(directory), [])
})

test.serial('nobody else can reach the control socket', async (t) => {
  const node = await startNode(t)
  t.is((await stat(join(node.dataDir, 'control'))).mode & 0o777, 0o700)
  t.true((await stat(join(node.dataDir, 'control', 'agent.sock'))).isSocket())
})
