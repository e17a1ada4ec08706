import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type Dispatcher, request } from 'undici'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { MemoryRegistry, sha256 } from '../harness/memory-registry.ts'
import { takePushes } from '../harness/push-side.ts'

const tenant = 'tenant-a:correct-horse'
const manifestType = 'application/vnd.oci.image.manifest.v1+json'

/** Two nodes, the first of which takes pushes, and a registry with an empty public and an empty private repository. */
async function lab(t: ExecutionContext) {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-push-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const registry = await MemoryRegistry.start()
  t.teardown(() => registry.stop())
  registry.add('team/open')
  registry.add('team/closed', tenant)
  takePushes(registry)
  const upstreams = [`r.corp=http://${registry.host}`]
  const flags = ['--registry-push', 'passthrough', '--log-level', 'debug']
  const swarm = await startSwarm({ nodes: 2, directory, upstreams, flags })
  t.teardown(() => swarm[Symbol.asyncDispose]())
  const [first, second] = swarm.nodes
  if (first === undefined || second === undefined) throw new Error('two nodes')
  return { registry, first, second }
}

async function ask(
  { shim }: SwarmNode,
  method: Dispatcher.HttpMethod,
  path: string,
  { body, headers = {} }: { body?: Uint8Array; headers?: Record<string, string> } = {},
) {
  const url = new URL(path, `http://${shim}`)
  url.searchParams.set('ns', 'r.corp')
  const answer = await request(url, { method, headers, body: body ?? null })
  const bytes = Buffer.from(await answer.body.arrayBuffer())
  return { status: answer.statusCode, location: String(answer.headers.location ?? ''), bytes }
}

/** Pushes as Docker and containerd do (pieces, then an empty end) or as Skopeo may (all of it with the end). */
async function pushBlob(node: SwarmNode, repository: string, pieces: readonly Buffer[], atOnce = false) {
  const begun = await ask(node, 'POST', `/v2/${repository}/blobs/uploads/`, { body: Buffer.alloc(0) })
  let { location } = begun
  let at = 0
  for (const piece of atOnce ? [] : pieces) {
    const headers = { 'content-range': `${at}-${at + piece.length - 1}` }
    const patched = await ask(node, 'PATCH', location, { body: piece, headers })
    if (patched.status !== 202) throw new Error(`PATCH: ${patched.status}`)
    location = patched.location
    at += piece.length
  }
  const bytes = Buffer.concat(pieces)
  const digest = sha256(bytes)
  const end = new URL(location, 'http://node')
  end.searchParams.set('digest', digest)
  const put = await ask(node, 'PUT', `${end.pathname}${end.search}`, {
    body: atOnce ? bytes : Buffer.alloc(0),
  })
  if (put.status !== 201) throw new Error(`PUT: ${put.status} ${put.bytes}`)
  return { digest, size: bytes.length, bytes }
}

/** A push is told to the cluster a moment later. */
async function announced(node: SwarmNode, blobs: number): Promise<void> {
  const deadline = AbortSignal.timeout(30_000)
  while ((node.wholeLog.match(/"msg":"announced"/g) ?? []).length < blobs) {
    await delay(20, undefined, { signal: deadline })
  }
}

async function pushImage(node: SwarmNode, repository: string) {
  const layers = [
    await pushBlob(node, repository, [randomBytes(3_000_000), randomBytes(1_234_567)]),
    await pushBlob(node, repository, [randomBytes(2_000_000)], true),
  ]
  const config = await pushBlob(node, repository, [Buffer.from('{"architecture":"amd64","os":"linux"}')])
  const descriptor = (mediaType: string, { digest, size }: { digest: string; size: number }) => ({
    ...{ mediaType, digest, size },
  })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
    }),
  )
  const headers = { 'content-type': manifestType }
  const put = await ask(node, 'PUT', `/v2/${repository}/manifests/v1`, { body: manifest, headers })
  if (put.status !== 201) throw new Error(`manifest: ${put.status}`)
  return { manifest, blobs: [config, ...layers] }
}

test('what is pushed through one node is pulled through another, the registry sending nothing', async (t) => {
  const { registry, first, second } = await lab(t)
  const { manifest, blobs } = await pushImage(first, 'team/open')
  await announced(first, blobs.length + 1)
  // It says who may read what, and which digest the tag has; bytes it has none to give.
  registry.intercept = ({ method }, response) => {
    if (method !== 'GET') return false
    response.writeHead(503, { 'content-length': 0 }).end()
    return true
  }
  const pulled = await ask(second, 'GET', '/v2/team/open/manifests/v1')
  t.deepEqual([pulled.status, pulled.bytes], [200, manifest])
  for (const { digest, bytes } of blobs) {
    const got = await ask(second, 'GET', `/v2/team/open/blobs/${digest}`)
    t.is(got.status, 200)
    t.true(got.bytes.equals(bytes))
  }
  const { fromUpstream, fromPeers } = await second.transfers()
  t.is(fromUpstream, 0)
  t.is(
    fromPeers,
    blobs.reduce((sum, { size }) => sum + size, manifest.length),
  )
})

test('what is pushed to a private repository is read by those whom its registry lets in', async (t) => {
  const { first } = await lab(t)
  const { blobs } = await pushImage(first, 'team/closed')
  const authorization = `Basic ${Buffer.from(tenant).toString('base64')}`
  const [{ digest, bytes } = { digest: '', bytes: Buffer.alloc(0) }] = blobs
  for (const path of [`blobs/${digest}`, 'manifests/v1']) {
    t.is((await ask(first, 'GET', `/v2/team/closed/${path}`)).status, 401)
    t.is((await ask(first, 'GET', `/v2/team/open/${path}`)).status, 404)
  }
  const got = await ask(first, 'GET', `/v2/team/closed/blobs/${digest}`, { headers: { authorization } })
  t.true(got.bytes.equals(bytes))
})

test('a node that can keep nothing takes pushes all the same', async (t) => {
  const { registry, first, second } = await lab(t)
  await rm(join(first.directory, 'uploads'), { recursive: true })
  const { manifest, blobs } = await pushImage(first, 'team/open')
  t.true((await ask(second, 'GET', '/v2/team/open/manifests/v1')).bytes.equals(manifest))
  const taken = [...(registry.repositories.get('team/open')?.blobs.keys() ?? [])]
  t.deepEqual(taken.sort(), blobs.map(({ digest }) => digest).sort())
  t.regex(first.wholeLog, /keep what is pushed/)
})
