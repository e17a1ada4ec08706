import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { digestHex } from '@shoal/content'
import test from 'ava'
import { newSecretFile, SwarmNode } from '../harness/agents.ts'
import { type Lab, pullThrough, startLab } from './lab.ts'

const MiB = 1024 * 1024
/** Promise 1 allows 1.05 for the swarm engine in full; the first light's own bound is this. */
const maxCopies = 1.5

/** Starts another agent in the lab. */
function startAgent(lab: Lab, init: { name: string; secretFile?: string; bootstrap: readonly string[] }) {
  return SwarmNode.start({
    name: init.name,
    directory: lab.directory(init.name),
    secretFile: init.secretFile ?? lab.secretFile,
    bootstrap: init.bootstrap,
    upstreams: [lab.upstreamFlag],
  })
}

test('three agents that pull at once verify every digest and take little more than one copy', async (t) => {
  await using lab = await startLab({ nodes: 3, layerSizes: [12 * MiB, 5 * MiB, 1000] })
  const pulled = await Promise.all(lab.nodes.map((node) => pullThrough(node)))
  t.deepEqual(
    pulled.map(({ bytes }) => bytes),
    Array(3).fill(lab.imageBytes),
  )
  t.true(
    lab.upstream.bytesSent <= maxCopies * lab.imageBytes,
    `${lab.upstream.bytesSent / lab.imageBytes} copies`,
  )
})

test('a wrong byte that a node’s disk gives is not passed on, and the pull succeeds', async (t) => {
  await using lab = await startLab({ nodes: 2, layerSizes: [3 * MiB] })
  const [bad, good] = lab.nodes
  const [layer] = lab.image.layers
  if (bad === undefined || good === undefined || layer === undefined) return t.fail()
  await pullThrough(bad)
  const file = await open(join(bad.directory, 'blobs', 'sha256', digestHex(layer)), 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, 2 * MiB)
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, 2 * MiB)
  await file.close()

  t.is((await pullThrough(good)).bytes, lab.imageBytes)
  t.notRegex(good.log, /peer sent wrong bytes/)
})

test('an agent with another secret never meets the swarm, and serves from upstream all the same', async (t) => {
  await using lab = await startLab({ nodes: 1, layerSizes: [1 * MiB] })
  const [member] = lab.nodes
  if (member === undefined) return t.fail()
  await pullThrough(member)
  const secretFile = await newSecretFile(lab.directory('.'))
  await using stranger = await startAgent(lab, { name: 'stranger', secretFile, bootstrap: member.addresses })
  await pullThrough(stranger)
  t.deepEqual((await stranger.status()).peers, [])
  t.deepEqual((await member.status()).peers, [])
  t.is((await stranger.transfers()).fromPeers, 0)
})

test('an agent that is killed midway resumes with what it had', async (t) => {
  await using lab = await startLab({ nodes: 1, layerSizes: [48 * MiB] })
  const bootstrap: string[] = []
  const init = { name: 'killed', bootstrap }
  const doomed = await startAgent(lab, init)
  const midway = Promise.withResolvers<void>()
  let bytes = 0
  const cut = pullThrough(doomed, (more) => {
    bytes += more
    if (bytes > 8 * MiB) midway.resolve()
  })
  const failed = t.throwsAsync(cut)
  await midway.promise
  await doomed.kill()
  await failed
  const before = lab.upstream.bytesSent
  await using again = await startAgent(lab, init)
  t.is((await pullThrough(again)).bytes, lab.imageBytes)
  t.true(lab.upstream.bytesSent - before < lab.imageBytes - 8 * MiB)
})

test('when one of three agents is killed midway, the others complete', async (t) => {
  await using lab = await startLab({ nodes: 3, layerSizes: [48 * MiB] })
  const [first, second, doomed] = lab.nodes
  if (first === undefined || second === undefined || doomed === undefined) return t.fail()
  const midway = Promise.withResolvers<void>()
  let bytes = 0
  const cut = pullThrough(doomed, (more) => {
    bytes += more
    if (bytes > 4 * MiB) midway.resolve()
  })
  const failed = t.throwsAsync(cut)
  const others = [pullThrough(first), pullThrough(second)]
  await midway.promise
  await doomed.kill()
  await failed
  t.deepEqual(
    (await Promise.all(others)).map((pulled) => pulled.bytes),
    [lab.imageBytes, lab.imageBytes],
  )
})
