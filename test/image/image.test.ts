import { randomBytes } from 'node:crypto'
import { chmod, chown, glob, lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { request } from 'undici'
import { pullThrough, startLab } from '../e2e/lab.ts'
import { Containerd } from '../harness/containerd.ts'
import { run } from '../harness/run.ts'
import { imageUser, runInContainer, startContainer } from './container.ts'
import { ImageStore } from './image-store.ts'

const native = process.arch === 'arm64' ? 'arm64' : 'amd64'
const name = 'localhost/shoal'

const { store, built, root } = await prepare()
// All that is awaited comes first: AVA takes no tests that are declared later.
test.after.always(() => store[Symbol.asyncDispose]())

/** What was made is thrown away when the build fails: no test would do it. */
async function prepare() {
  const store = await ImageStore.create()
  try {
    const built = await store.build(name, native)
    return { store, built, root: await store.mount(name) }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

const elfMachines = { amd64: 0x3e, arm64: 0xb7 }

test('the image is small: 60 MB to fetch, 160 MB on disk', async (t) => {
  const [bytes = ''] = (await run('du', ['--summarize', '--bytes', root])).split('\t')
  const [nodeBytes = ''] = (await run('du', ['--bytes', join(root, 'opt/shoal/bin/node')])).split('\t')
  t.log(
    `${megabytes(built.compressedBytes)} to fetch, ${megabytes(Number(bytes))} on disk, of which Node.js ${megabytes(Number(nodeBytes))}`,
  )
  t.true(built.compressedBytes < 60e6)
  t.true(Number(bytes) < 160e6)
})

test('two builds of one tree are the same image, to the byte', async (t) => {
  t.is((await store.build(`${name}-again`, native)).manifestDigest, built.manifestDigest)
})

test('every program and library of the arm64 image is for arm64, as those of the amd64 image are for amd64', async (t) => {
  const other = native === 'amd64' ? 'arm64' : 'amd64'
  await store.build(`${name}-${other}`, other)
  const roots = { [native]: root, [other]: await store.mount(`${name}-${other}`) } as Record<
    'amd64' | 'arm64',
    string
  >
  for (const architecture of ['amd64', 'arm64'] as const) {
    const machines = await elfFiles(roots[architecture])
    t.true(machines.length >= 5, `${architecture} has Node.js, the C libraries and LevelDB`)
    for (const { path, machine } of machines) t.is(machine, elfMachines[architecture], path)
  }
})

test('the image has no shell, and no file that lends its owner’s rights', async (t) => {
  const programs = await run('find', [
    root,
    '-type',
    'f',
    '-perm',
    '/111',
    '!',
    '-name',
    '*.so*',
    '-printf',
    '%P\n',
  ])
  t.deepEqual(programs.trim().split('\n').sort(), ['bin/touch', 'opt/shoal/bin/node', 'opt/shoal/bin/shoal'])
  t.is(await run('find', [root, '-perm', '/6000']), '')
})

test('only its home and /tmp are writable to the user of the image', async (t) => {
  const writable = await run('find', [
    root,
    ...['(', '-user', '65532', '-o', '-group', '65532', '-o', '-perm', '-o+w', ')'],
    ...['!', '-type', 'l', '-printf', '%P\n'],
  ])
  t.deepEqual(writable.trim().split('\n').sort(), ['home/nonroot', 'tmp'])
})

test('the image runs as a user that is not root', async (t) => {
  const { User, Entrypoint } = await store.inspect(name)
  t.is(User, '65532:65532')
  t.deepEqual(Entrypoint, ['shoal'])
})

test('shoal runs in a container without shell, capabilities or a writable root', async (t) => {
  const bundle = await store.directory('version')
  const text = await runInContainer({ id: containerId(), root, bundle, args: ['shoal', 'version'] })
  t.regex(text, /^shoal \d+\.\d+\.\d+, node 24\.\S+ \(linux-/)
})

test('an agent in a container joins a swarm, and gets from its peers what its clients pull', async (t) => {
  await using lab = await startLab({ nodes: 1, layerSizes: [3 << 20, 100_000] })
  const [peer] = lab.nodes
  if (peer === undefined) throw new Error('the lab has no node')
  await pullThrough(peer)
  const sentBefore = lab.upstream.bytesSent

  // As the chart's pod has them: a data directory that is the group's, and a secret that the group may read.
  const data = await store.directory('data')
  await chown(data, 0, imageUser.gid)
  await chmod(data, 0o2770)
  await chown(lab.secretFile, 0, imageUser.gid)
  await chmod(lab.secretFile, 0o440)
  await using agent = await startContainer({
    id: containerId(),
    root,
    bundle: await store.directory('agent'),
    args: [
      ...['shoal', 'agent', '--data-dir', '/var/lib/shoal', '--cluster-secret-file', '/tmp/cluster-secret'],
      ...['--registry-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'],
      ...['--swarm-listen', '/ip4/127.0.0.1/tcp/0', '--upstream', lab.upstreamFlag],
      ...peer.addresses.flatMap((address) => ['--bootstrap', address]),
    ],
    mounts: [
      { source: data, destination: '/var/lib/shoal' },
      { source: lab.secretFile, destination: '/tmp/cluster-secret', readOnly: true },
    ],
    ready: (line) => line.includes('"msg":"agent ready"'),
  })
  t.false(agent.log.includes('other users can read the cluster secret'))
  const { registry, admin } = JSON.parse(agent.readyLine)
  await pullThrough({ shim: registry })
  const { body } = await request(`http://${admin}/api/v1/status`)
  const { peers, transfers } = (await body.json()) as { peers: string[]; transfers: { fromPeers: number } }
  t.is(peers.length, 1)
  t.true(transfers.fromPeers > 3 << 20)
  const again = lab.upstream.bytesSent - sentBefore
  t.true(again < 10_000, `the registry sent no layer again, only ${again} bytes of manifests`)
})

test('the image installs itself into a containerd whose directories are mounted, and gives it back as it was', async (t) => {
  await using agent = await startContainer({
    id: containerId(),
    root,
    bundle: await store.directory('agent-of-host'),
    args: [
      ...['shoal', 'agent', '--data-dir', '/home/nonroot/data', '--swarm-listen', '/ip4/127.0.0.1/tcp/0'],
      ...['--registry-listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'],
    ],
    mounts: [{ source: await writableDirectory('home'), destination: '/home/nonroot' }],
    ready: (line) => line.includes('"msg":"agent ready"'),
  })
  const { registry, admin } = JSON.parse(agent.readyLine)
  const directory = await store.directory('containerd')
  // A mirror that somebody else configured, and that answers no more.
  await using _containerd = await Containerd.start(directory, '127.0.0.1:1')
  const before = await treeOf(directory)
  const state = await store.directory('install-state')
  const onHost = async (command: string, ...args: string[]) =>
    await runInContainer({
      id: containerId(),
      root,
      bundle: await store.directory(command),
      user: { uid: 0, gid: 0 },
      args: [
        ...['shoal', command, '--host-root', '/host', '--state-dir', '/var/lib/shoal-install'],
        ...['--runtime', 'containerd', ...args],
      ],
      mounts: [
        { source: directory, destination: `/host${directory}` },
        { source: state, destination: '/host/var/lib/shoal-install' },
        { source: '/proc', destination: '/host/proc', readOnly: true },
      ],
    })

  const installed = await onHost('install', '--registry-listen', registry, '--admin-listen', admin)
  t.regex(installed, /a test pull from docker\.io came by the shim/)
  t.notDeepEqual(await treeOf(directory), before)
  await onHost('uninstall')
  t.deepEqual(await treeOf(directory), before)
})

/** Modes, owners, times and content of containerd's configuration. */
async function treeOf(directory: string): Promise<string[]> {
  const paths = [join(directory, 'config.toml'), join(directory, 'certs.d')]
  const listed = await run('find', [...paths, '-printf', '%p %m %U:%G %T@\n'])
  const sums = await run('find', [...paths, '-type', 'f', '-exec', 'sha256sum', '{}', '+'])
  return [...listed.split('\n'), ...sums.split('\n')].sort()
}

async function writableDirectory(name: string): Promise<string> {
  const directory = await store.directory(name)
  await chown(directory, imageUser.uid, imageUser.gid)
  return directory
}

/** runc keeps them apart by name. */
function containerId(): string {
  return `shoal-image-test-${randomBytes(6).toString('hex')}`
}

async function elfFiles(directory: string): Promise<{ path: string; machine: number }[]> {
  const found: { path: string; machine: number }[] = []
  for await (const path of glob('**/*', { cwd: directory })) {
    if (!(await lstat(join(directory, path))).isFile()) continue
    const file = await open(join(directory, path))
    try {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(20), position: 0 })
      if (bytesRead === 20 && buffer.readUInt32BE(0) === 0x7f454c46) {
        found.push({ path, machine: buffer.readUInt16LE(18) })
      }
    } finally {
      await file.close()
    }
  }
  return found
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
