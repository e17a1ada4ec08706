import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type SwarmNode, startSwarm } from '../harness/agents.ts'
import { addImage, MemoryRegistry } from '../harness/memory-registry.ts'

const MiB = 1024 * 1024
const size = 24 * MiB
const largeSize = 160 * MiB
const clients = 50
/** containerd's multipart fetch reads so much of an open-ended range, and hangs up. */
const partBytes = 8 * MiB

async function lab(t: ExecutionContext, length = size) {
  const root = await mkdtemp(join(tmpdir(), 'shoal-flight-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const registry = await MemoryRegistry.start()
  t.teardown(() => registry.stop())
  const bytes = randomBytes(length)
  const image = addImage(registry.add('team/app'), 'v1', [bytes])
  const upstreams = [`r.corp=http://${registry.host}`]
  const swarm = await startSwarm({ nodes: 1, directory: root, upstreams })
  t.teardown(() => swarm[Symbol.asyncDispose]())
  const [node] = swarm.nodes
  const digest = image.layers[0]?.digest
  if (node === undefined || digest === undefined) throw new Error('a node with a layer to pull')
  return { registry, node, bytes, digest }
}

interface Wanted {
  readonly node: SwarmNode
  readonly digest: string
  readonly range?: string
  /** Hangs up after so many bytes. */
  readonly readOnly?: number
}

interface Got {
  readonly status: number | undefined
  readonly length: number
  readonly sha256: string
}

/**
 * Reads the blob, or what is wanted of it. On a busy machine the shim may say that it took too long, or break off: then a
 * client asks again, and so does this, because it is the bytes that count here and not how long they take.
 */
async function read(wanted: Wanted): Promise<Got> {
  for (let tries = 1; ; tries++) {
    const got = await readOnce(wanted)
    if (got !== 'too late' || tries === maxTries) return got === 'too late' ? nothing : got
  }
}

const maxTries = 10
const nothing: Got = { status: undefined, length: 0, sha256: '' }

async function readOnce({
  node,
  digest,
  range,
  readOnly = Number.POSITIVE_INFINITY,
}: Wanted): Promise<Got | 'too late'> {
  const url = `http://${node.shim}/v2/team/app/blobs/${digest}?ns=r.corp`
  const options = { agent: false, headers: range === undefined ? {} : { range } } as const
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    httpGet(url, options, resolve).on('error', reject),
  )
  const hash = createHash('sha256')
  let length = 0
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      const taken = piece.subarray(0, readOnly - length)
      hash.update(taken)
      length += taken.length
      if (length >= readOnly) break // which destroys the connection
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    return 'too late'
  }
  if (response.statusCode === 404) return 'too late'
  return { status: response.statusCode, length, sha256: hash.digest('hex') }
}

/** Every kind of client, over and over: whole, closed ranges, suffixes, hang-ups, multipart. */
function wantedBy(client: number): { range?: string; readOnly?: number; start: number; end: number } {
  const at = ((client * 7919) % 16) * MiB
  switch (client % 5) {
    case 0:
      return { start: 0, end: size }
    case 1:
      return { range: `bytes=${at}-${at + 3 * MiB - 1}`, start: at, end: at + 3 * MiB }
    case 2:
      return { range: `bytes=-${5 * MiB}`, start: size - 5 * MiB, end: size }
    case 3:
      return { readOnly: 1 * MiB, start: 0, end: 1 * MiB }
    default:
      return { range: `bytes=${at}-`, readOnly: partBytes, start: at, end: at + partBytes }
  }
}

test('50 clients of one cold blob, with ranges, hang-ups and parts, take each byte once from upstream', async (t) => {
  const { registry, node, bytes, digest } = await lab(t)
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const { start, end, ...wanted } = wantedBy(client)
      const got = await read({ node, digest, ...wanted })
      t.is(got.length, end - start)
      t.is(got.status, wanted.range === undefined ? 200 : 206)
      t.is(got.sha256, createHash('sha256').update(bytes.subarray(start, end)).digest('hex'))
    }),
  )
  const sent = registry.sent.get(digest) ?? 0
  t.log(`${sent} bytes from upstream for a blob of ${size}`)
  t.is(sent, size)
})

test('memory stays flat, however large the blob and however many read it', async (t) => {
  const { registry, node, digest } = await lab(t, largeSize)
  const before = await node.peakMemory()
  const read20 = Array.from({ length: 20 }, () => read({ node, digest }))
  for (const { sha256 } of await Promise.all(read20)) t.is(`sha256:${sha256}`, digest)
  const grown = (await node.peakMemory()) - before
  t.log(`${(grown / MiB).toFixed(0)} MiB more at the peak for a blob of ${largeSize / MiB} MiB`)
  t.true(grown < largeSize, `${grown} bytes of memory for a blob of ${largeSize}`)
  t.is(registry.sent.get(digest), largeSize)
})

test('a client that leaves is no reason to fetch anything again', async (t) => {
  const { registry, node, digest } = await lab(t)
  for (let part = 0; part < 3; part++) {
    await read({ node, digest, range: `bytes=${part * partBytes}-`, readOnly: partBytes })
  }
  const whole = await read({ node, digest })
  t.is(`sha256:${whole.sha256}`, digest)
  t.is(registry.sent.get(digest), size)
})

test('a range far ahead is there before upstream has sent anything of what comes before', async (t) => {
  const { registry, node, bytes, digest } = await lab(t)
  const half = size / 2
  const held: (() => void)[] = []
  let isHolding = true
  registry.intercept = (request, response, content) => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (!isHolding || content === undefined || request.method !== 'GET' || start >= half) return false
    held.push(() => registry.deliver(request, response, content))
    return true
  }
  const whole = read({ node, digest })
  // The parts of a containerd that fetches several at once, and a look at the end.
  for (const [start, readOnly] of [
    [half, partBytes],
    [size - 5, 5],
  ] as const) {
    const part = await read({ node, digest, range: `bytes=${start}-`, readOnly })
    t.is(
      part.sha256,
      createHash('sha256')
        .update(bytes.subarray(start, start + readOnly))
        .digest('hex'),
    )
  }
  t.true(held.length > 0)
  isHolding = false
  for (const deliver of held) deliver()
  t.is(`sha256:${(await whole).sha256}`, digest)
  t.is(registry.sent.get(digest), size)
})
