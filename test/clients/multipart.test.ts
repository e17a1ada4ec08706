import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { Containerd } from '../harness/containerd.ts'
import { debianRoot } from '../harness/debian-root.ts'
import { installPackages } from '../harness/install.ts'
import { addImage, MemoryRegistry } from '../harness/memory-registry.ts'
import { run } from '../harness/run.ts'
import { Sandbox } from '../harness/sandbox.ts'
import { Workspace } from '../harness/workspace.ts'
import { clientPackages } from './lab.ts'

const mebibyte = 1024 * 1024
const fileBytes = 48 * mebibyte
const layerFetchBuffer = 8 * mebibyte
const repository = 'library/shoal-multipart-test'

/** containerd opens ranges without an end, reads its part of each, and closes the connection. */
test('a layer that containerd fetches in parts, by several connections, leaves upstream once', async (t) => {
  t.timeout(900_000)
  await installPackages(clientPackages, 'npm run test:clients')
  await using workspace = await Workspace.create('multipart')
  const tree = await workspace.directory('tree')
  const bytes = randomBytes(fileBytes)
  await writeFile(join(tree, 'file'), bytes)
  await run('tar', ['-C', tree, '-cf', `${tree}.tar`, 'file'])
  const layer = await readFile(`${tree}.tar`)
  await using registry = await MemoryRegistry.start()
  const image = addImage(registry.add(repository), 'v1', [layer])
  await using node = await SwarmNode.start({
    name: 'multipart',
    directory: await workspace.directory('node'),
    secretFile: await newSecretFile(workspace.path),
    bootstrap: [],
    upstreams: [`docker.io=http://${registry.host}`],
    flags: ['--log-level', 'debug'],
  })

  await using sandbox = await Sandbox.start(await debianRoot('sid'), workspace.path)
  const directory = join(workspace.path, 'containerd')
  await mkdir(directory)
  const { machine } = sandbox
  await using containerd = await Containerd.start(directory, node.shim, { machine, layerFetchBuffer })
  const name = `docker.io/${repository}:v1`
  await containerd.ctrPull(name)
  const root = join(directory, 'mounted')
  await using _mounted = await containerd.mount('default', name, root)
  const pulled = await readFile(join(sandbox.path(root), 'file'))
  t.is(sha256(pulled), sha256(bytes))

  const digest = image.layers[0]?.digest ?? ''
  const parts = node.wholeLog
    .split('\n')
    .filter((line) => line.includes('"msg":"request served"') && line.includes(digest))
    .map((line) => JSON.parse(line) as { method: string; status: number; bytes: number; outcome: string })
    .filter(({ method }) => method === 'GET')
  for (const { status, bytes, outcome } of parts) t.log(status, bytes, outcome)
  t.true(parts.filter(({ status }) => status === 206).length >= Math.floor(layer.length / layerFetchBuffer))
  t.is(registry.sent.get(digest), layer.length)
})

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
