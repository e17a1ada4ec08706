import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { request } from 'undici'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { addImage, MemoryRegistry } from '../harness/memory-registry.ts'

const tenant = { user: 'tenant-a', password: 'correct-horse-battery' }
const stranger = { user: 'tenant-b', password: 'wrong-donkey-capacitor' }
const nodeAccount = { user: 'node', password: 'node-staple-hidden' }

/** Two nodes that log everything, and a registry with a private and a public image that share a layer. */
async function lab(t: ExecutionContext) {
  const root = await mkdtemp(join(tmpdir(), 'shoal-private-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const registry = await MemoryRegistry.start()
  t.teardown(() => registry.stop())
  const shared = randomBytes(400_000)
  const secret = addImage(registry.add('team/closed', `${tenant.user}:${tenant.password}`), 'v1', [
    shared,
    randomBytes(500_000),
  ])
  const open = addImage(registry.add('team/open'), 'v1', [shared])
  const account = `${nodeAccount.user}:${nodeAccount.password}`
  const config = join(await configDirectory(t), 'config.json')
  const auths = { 'r.corp': { auth: Buffer.from(account).toString('base64') } }
  await writeFile(config, JSON.stringify({ auths }))
  const swarm = await startSwarm({
    nodes: 2,
    directory: root,
    upstreams: [`r.corp=http://${registry.host}`],
    flags: ['--log-level', 'trace', '--credentials-file', config, '--registry-push', 'passthrough'],
  })
  t.teardown(() => swarm[Symbol.asyncDispose]())
  const [first, second] = swarm.nodes
  if (first === undefined || second === undefined) throw new Error('two nodes')
  return { registry, secret, open, first, second, nodes: swarm.nodes, root }
}

async function configDirectory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-account-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

interface Who {
  readonly user: string
  readonly password: string
}

async function get(node: SwarmNode, path: string, who?: Who) {
  const basic = who && `Basic ${Buffer.from(`${who.user}:${who.password}`).toString('base64')}`
  const { statusCode, body } = await request(`http://${node.shim}/v2/team/${path}?ns=r.corp`, {
    headers: basic === undefined ? {} : { authorization: basic },
  })
  return { status: statusCode, bytes: Buffer.from(await body.arrayBuffer()) }
}

const pushToken = 'token-of-a-push-weasel'

async function push(node: SwarmNode, name: string, authorization: string): Promise<void> {
  const url = `http://${node.shim}/v2/team/${name}/blobs/uploads/?ns=r.corp`
  const { body } = await request(url, { method: 'POST', headers: { authorization } })
  await body.dump()
}

test('of two tenants on one node the one with credentials pulls, and the other gets nothing of it', async (t) => {
  const { registry, secret, open, first, second } = await lab(t)
  const [layer, own] = secret.layers
  if (layer === undefined || own === undefined) return t.fail()
  const places = ['manifests/v1', `manifests/${secret.digest}`, `blobs/${own.digest}`]

  t.is((await get(first, 'closed/manifests/v1')).status, 401)
  t.is((await get(first, 'closed/manifests/v1', tenant)).status, 200)
  for (const { digest, bytes } of secret.layers) {
    t.true((await get(first, `closed/blobs/${digest}`, tenant)).bytes.equals(bytes))
  }
  const transfersBefore = await second.transfers()
  // Cached on the first node; on the second a peer has it.
  for (const node of [first, second]) {
    for (const place of places) {
      for (const who of [undefined, stranger])
        t.is((await get(node, `closed/${place}`, who)).status, 401, place)
    }
    // Through a repository that is open to all, by digests that somebody told.
    t.is((await get(node, `open/manifests/${secret.digest}`)).status, 404)
    t.is((await get(node, `open/blobs/${own.digest}`)).status, 404)
    t.is((await get(node, `open/blobs/${layer.digest}`)).status, 200)
    t.is((await get(node, 'open/manifests/v1')).status, 200)
  }
  t.true(
    (await second.transfers()).fromPeers > transfersBefore.fromPeers,
    'the shared layer came from the peer',
  )
  t.is(registry.sent.get(layer.digest), layer.bytes.length)

  // The tenant on the second node gets it from the peer, by its own credentials.
  t.is((await get(second, 'closed/manifests/v1', tenant)).status, 200)
  t.true((await get(second, `closed/blobs/${own.digest}`, tenant)).bytes.equals(own.bytes))
  t.is(registry.sent.get(own.digest), own.bytes.length)

  // With the registry gone: who could go on does, nobody else, and peers tell of nothing private.
  await registry.stop()
  t.is((await get(first, 'closed/manifests/v1', tenant)).status, 200)
  t.is((await get(first, 'closed/manifests/v1', stranger)).status, 401)
  t.is((await get(first, `open/manifests/${open.digest}`)).status, 200)
})

test('no credential reaches a log at trace level, nor anything that is kept', async (t) => {
  const { registry, secret, nodes, first, second, root } = await lab(t)
  await get(first, 'closed/manifests/v1', tenant)
  await get(first, `closed/blobs/${secret.layers[0]?.digest}`, tenant)
  await get(first, 'closed/manifests/v1', stranger)
  await get(second, 'closed/manifests/v1', tenant)
  await get(second, `closed/blobs/${secret.layers[0]?.digest}`, tenant)
  await get(first, 'closed/manifests/nothing', tenant)
  await push(first, 'closed', `Basic ${Buffer.from(`${tenant.user}:${tenant.password}`).toString('base64')}`)
  await push(first, 'closed', `Bearer ${pushToken}`)
  registry.intercept = (_, response) => {
    response
      .writeHead(500, { 'content-type': 'text/plain' })
      .end(`${tenant.password} ${nodeAccount.password}`)
    return true
  }
  await get(first, 'closed/manifests/other', tenant)
  await get(first, 'other/manifests/v1', tenant)
  registry.intercept = (message) => {
    message.socket.destroy()
    return true
  }
  await get(first, 'another/manifests/v1', tenant)
  await registry.stop()
  await get(first, 'yet-another/manifests/v1', tenant)

  const words = [tenant, stranger, nodeAccount].flatMap(({ user, password }) => [
    password,
    Buffer.from(password).toString('base64'),
    Buffer.from(`${user}:${password}`).toString('base64'),
  ])
  const tokens = registry.asked.flatMap(
    ({ authorization = '' }) => /^Bearer (.+)$/.exec(authorization)?.[1] ?? [],
  )
  t.true(tokens.length > 1, 'the registry gave tokens')
  t.true(tokens.includes(pushToken), 'and got the one of a push')
  for (const node of nodes) {
    t.regex(node.wholeLog, /request served/)
    for (const word of [...words, ...tokens]) t.false(node.wholeLog.includes(word))
  }
  const kept = await searchFiles(root, [...words, ...tokens])
  t.deepEqual(kept, [])
})

/** Files below a directory that hold any of the words. */
async function searchFiles(root: string, words: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const text = await readFile(path, 'latin1').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '' // LevelDB turned it over
      throw error
    })
    if (words.some((word) => text.includes(word))) found.push(path)
  }
  return found
}
