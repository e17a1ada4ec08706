import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { request } from 'undici'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { addImage, type MemoryImage, MemoryRegistry } from '../harness/memory-registry.ts'

const tenant = `Basic ${Buffer.from('tenant:right').toString('base64')}`
/** More than is compared. */
const layerBytes = 600_000
const maxProofBytes = 65_536

/** Two nodes, a registry with a private image, and two more registries that anybody could run. */
async function lab(t: ExecutionContext) {
  const root = await mkdtemp(join(tmpdir(), 'shoal-registries-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const [owner, liar, honest] = await Promise.all([
    MemoryRegistry.start(),
    MemoryRegistry.start(),
    MemoryRegistry.start(),
  ])
  for (const registry of [owner, liar, honest]) t.teardown(() => registry.stop())
  const layer = randomBytes(layerBytes)
  const secret = addImage(owner.add('team/closed', 'tenant:right'), 'v1', [layer])
  const swarm = await startSwarm({
    nodes: 2,
    directory: root,
    upstreams: [
      `owner.corp=http://${owner.host}`,
      `liar.example=http://${liar.host}`,
      `honest.example=http://${honest.host}`,
    ],
    flags: ['--log-level', 'debug'],
  })
  t.teardown(() => swarm[Symbol.asyncDispose]())
  const [first, second] = swarm.nodes
  if (first === undefined || second === undefined) throw new Error('two nodes')
  return { owner, liar, honest, layer, secret, first, second }
}

async function get(node: SwarmNode, path: string, headers: Record<string, string> = {}) {
  const { statusCode, body } = await request(`http://${node.shim}/v2/${path}`, { headers })
  // A body may break off: what came of it counts.
  const pieces: Buffer[] = []
  try {
    for await (const piece of body) pieces.push(piece)
  } catch (error) {
    if ((error as { code?: string }).code !== 'UND_ERR_SOCKET') throw error
  }
  return { status: statusCode, bytes: Buffer.concat(pieces) }
}

async function pullPrivate(node: SwarmNode, { digest, config, layers }: MemoryImage): Promise<void> {
  const headers = { authorization: tenant }
  for (const place of [
    'manifests/v1',
    `manifests/${digest}`,
    `blobs/${config}`,
    `blobs/${layers[0]?.digest}`,
  ]) {
    const { status } = await get(node, `team/closed/${place}?ns=owner.corp`, headers)
    if (status !== 200) throw new Error(`${place}: ${status}`)
  }
}

/** Says that it has the image, and that its own image consists of it; sends other bytes in place of it. */
function claim(liar: MemoryRegistry, secret: MemoryImage, layer: Uint8Array): void {
  const repository = liar.add('evil/lure')
  addImage(repository, 'v1', [layer]) // a manifest that names the private layer and configuration
  for (const place of [repository.manifests, repository.blobs]) {
    for (const [digest, content] of place) {
      if (digest === secret.digest && place === repository.manifests) {
        place.set(digest, { ...content, bytes: randomBytes(content.bytes.length) })
      }
      if (place === repository.blobs)
        place.set(digest, { ...content, bytes: randomBytes(content.bytes.length) })
    }
  }
}

for (const where of ['first', 'second'] as const) {
  const holder = where === 'first' ? 'this node' : 'a peer'
  test(`a registry that only says that it has what ${holder} holds gets none of it for its clients`, async (t) => {
    const { liar, layer, secret, ...nodes } = await lab(t)
    await pullPrivate(nodes.first, secret)
    claim(liar, secret, layer)
    const node = nodes[where]
    await get(node, 'evil/lure/manifests/v1?ns=liar.example')
    for (const [start, range] of [
      [0, 'bytes=0-'],
      [0, 'bytes=0-99'],
      [300_000, 'bytes=300000-'],
      [layerBytes - 5_000, 'bytes=-5000'],
    ] as const) {
      const headers: Record<string, string> = range === 'bytes=0-' ? {} : { range }
      const { bytes } = await get(
        node,
        `evil/lure/blobs/${secret.layers[0]?.digest}?ns=liar.example`,
        headers,
      )
      for (let at = 0; at + 32 <= bytes.length; at += 32) {
        const ours = layer.subarray(start + at, start + at + 32)
        if (ours.equals(bytes.subarray(at, at + 32)))
          return t.fail(`${range}: bytes of the private layer at ${at}`)
      }
    }
    const manifest = await get(node, `evil/lure/manifests/${secret.digest}?ns=liar.example`)
    t.false(manifest.bytes.includes(secret.layers[0]?.digest ?? ''))
    const config = await get(node, `evil/lure/blobs/${secret.config}?ns=liar.example`)
    t.false(config.bytes.includes('rootfs'))
  })

  test(`a second registry that has the same layer shares what ${holder} holds of it`, async (t) => {
    const { honest, layer, secret, ...nodes } = await lab(t)
    await pullPrivate(nodes.first, secret)
    addImage(honest.add('team/open'), 'v1', [layer])
    const digest = secret.layers[0]?.digest ?? ''
    for (let again = 0; again < 3; again++) {
      const { status, bytes } = await get(nodes[where], `team/open/blobs/${digest}?ns=honest.example`)
      t.is(status, 200)
      t.true(bytes.equals(layer))
    }
    // What is at a peer may have come from upstream by the time that the proof is there.
    const sent = honest.sent.get(digest) ?? 0
    t.true(sent > 0 && sent <= (where === 'first' ? maxProofBytes : layerBytes), `${sent} bytes, once`)
    // It was proved: its clients have it although the registry went.
    await honest.stop()
    t.is((await get(nodes[where], `team/open/blobs/${digest}?ns=honest.example`)).status, 200)
  })
}
