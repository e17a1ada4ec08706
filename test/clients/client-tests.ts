import test, { type ExecutionContext } from 'ava'
import { request } from 'undici'
import type { SwarmNode } from '../harness/agents.ts'
import type { Client } from './client.ts'
import { type DebianImage, verifyFiles } from './image.ts'
import { type Lab, startLab } from './lab.ts'

/** What promise 1 of the design allows over one copy. */
const maxCopies = 1.05
/** Half a minute here, the first time; apt and debootstrap depend on the mirror. */
const setUpTimeoutMs = 1_200_000

/** Registers the tests of one client: through a node, and from peers alone. One after the other, on one lab. */
export function testClient(client: Client): void {
  let lab: Lab
  test.before(async (t) => {
    t.timeout(setUpTimeoutMs)
    lab = await startLab()
  })
  test.after.always(async () => {
    await lab?.[Symbol.asyncDispose]()
  })

  test.afterEach.always((t) => {
    if (!t.passed) t.log(...lab.nodes.map(({ log }) => log))
  })

  test.serial(`${client.name} pulls an image through a node that gets it from upstream`, async (t) => {
    const { fromUpstream, fromPeers } = await pullThrough(t, { client, lab, node: 0 })
    t.true(fromUpstream >= blobBytes(lab.image), `the node counts ${fromUpstream} bytes from upstream`)
    t.is(fromPeers, 0)
  })

  test.serial('the registry sent about one copy of it', async (t) => {
    const sent = await blobBytesSent(lab)
    const whole = blobBytes(lab.image)
    t.log(`${sent} bytes for an image of ${whole}: ${(sent / whole).toFixed(4)} copies`)
    t.true(sent >= whole && sent <= whole * maxCopies)
  })

  test.serial(`${client.name} pulls it through another node from peers, the registry gone`, async (t) => {
    await lab.registry.stop()
    await t.throwsAsync(request(`http://${lab.registry.host}/v2/`), { code: 'ECONNREFUSED' })
    const { fromUpstream, fromPeers } = await pullThrough(t, { client, lab, node: 2 })
    t.true(fromPeers >= blobBytes(lab.image), `the node counts ${fromPeers} bytes from peers`)
    t.is(fromUpstream, 0)
  })
}

interface PullThrough {
  readonly client: Client
  readonly lab: Lab
  /** Index of the node. */
  readonly node: number
}

/** Pulls with empty client state, checks digest and every file, and returns what the node says of its bytes. */
async function pullThrough(t: ExecutionContext, { client, lab, node: index }: PullThrough) {
  const { image, repository, workspace } = lab
  const node = lab.nodes[index] as SwarmNode
  const directory = await workspace.directory(`client-${index}`)
  await using pulled = await client.pull({ shim: node.shim, repository, tag: image.tag, directory })
  t.is(pulled.digest, client.digestOf(image))
  await t.notThrowsAsync(verifyFiles(pulled.root, image))
  const transfers = await node.transfers()
  t.log(transfers)
  return transfers
}

function blobBytes({ config, layers }: DebianImage): number {
  return [config, ...layers].reduce((sum, { size }) => sum + size, 0)
}

async function blobBytesSent({ registry }: Lab): Promise<number> {
  const accesses = await registry.accesses()
  return accesses
    .filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'))
    .reduce((sum, { bytes }) => sum + bytes, 0)
}
