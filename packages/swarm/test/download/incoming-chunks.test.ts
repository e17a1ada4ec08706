import { type ContentAddress, type FetchOptions, type OriginContent, OriginError } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { MemoryOrigin } from '../memory-origin.ts'
import { newSecret, pull, randomBlob, startNode } from '../swarm-fixture.ts'

const KiB = 1024
const blobBytes = 1024 * KiB

type Body = (bytes: Uint8Array) => AsyncGenerator<Uint8Array>

/** An origin whose first answer with bytes has this body. */
class FirstAnswer extends MemoryOrigin {
  readonly #body: Body
  #isFirst = true

  constructor(body: Body) {
    super()
    this.#body = body
  }

  override async fetch(address: ContentAddress, options: FetchOptions = {}): Promise<OriginContent> {
    // What is put together here is kept, whatever the reader borrows.
    const content = await super.fetch(address, { ...options, borrow: false })
    if (!this.#isFirst) return content
    this.#isFirst = false
    const body = this.#body(Buffer.concat(await Array.fromAsync(content.body)))
    return { ...content, body }
  }
}

async function openAt(t: ExecutionContext, origin: MemoryOrigin, bytes: Uint8Array) {
  const address: ContentAddress = origin.add(bytes)
  const node = await startNode(t, { origin, secret: newSecret() })
  const content = await node.swarm.content.open(address)
  t.teardown(() => content.close())
  return { node, address, content }
}

/** Sends `first`, then waits until the client has it. */
function inTwoParts(first: (bytes: Uint8Array) => Uint8Array, then: Body) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const origin = new FirstAnswer(async function* (bytes) {
    yield first(bytes)
    await promise
    yield* then(bytes)
  })
  return { origin, clientHasFirst: resolve }
}

/** What a client gets, which tells when it has something. */
async function readAll(body: AsyncIterable<Uint8Array>, onPiece: () => void): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) {
    pieces.push(piece)
    onPiece()
  }
  return Buffer.concat(pieces)
}

const beginning: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes.subarray(0, 10 * KiB)
const rest: Body = async function* (bytes) {
  yield bytes.subarray(10 * KiB)
}
const cut: Body = async function* () {
  yield new Uint8Array()
  throw new OriginError('unavailable', 'the origin cut the connection')
}

test('a client gets what upstream has sent of its first chunk before that is whole', async (t) => {
  const { origin, clientHasFirst } = inTwoParts(beginning, rest)
  const bytes = randomBlob(blobBytes)
  const { content } = await openAt(t, origin, bytes)
  t.true((await readAll(content.read(), clientHasFirst)).equals(bytes))
})

test('a range that lies in what has come does not wait for the rest', async (t) => {
  const { origin, clientHasFirst } = inTwoParts(beginning, rest)
  const bytes = randomBlob(blobBytes)
  const { content } = await openAt(t, origin, bytes)
  const range = { start: 3 * KiB, end: 9 * KiB }
  const read = await readAll(content.read(range), () => undefined)
  clientHasFirst()
  t.true(read.equals(bytes.subarray(range.start, range.end)))
})

test('when upstream breaks off in the first chunk, its client gets the rest from the next answer', async (t) => {
  const { origin, clientHasFirst } = inTwoParts(beginning, cut)
  const bytes = randomBlob(blobBytes)
  const { content } = await openAt(t, origin, bytes)
  t.true((await readAll(content.read(), clientHasFirst)).equals(bytes))
})

test('a client that was given other bytes than the chunk proves to have never comes to its end', async (t) => {
  const { origin, clientHasFirst } = inTwoParts(() => randomBlob(10 * KiB), cut)
  const { node, address, content } = await openAt(t, origin, randomBlob(blobBytes))
  await t.throwsAsync(readAll(content.read(), clientHasFirst), { code: 'DIGEST_MISMATCH' })
  t.is(await pull(node, address), address.digest, 'the next one has it')
})
