import { hash, randomBytes } from 'node:crypto'
import { ChunkLayout, ChunkSet, type ChunkSource, type Digest, digestFromHash } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import { ChunkServer } from '../../dist/exchange/chunk-server.js'
import { ChunkSession, type ReceivedChunk } from '../../dist/exchange/chunk-session.js'
import { exchangeProtocol } from '../../dist/exchange/exchange-protocol.js'
import { Upload } from '../../dist/exchange/upload.js'
import { UploadSlots } from '../../dist/exchange/upload-slots.js'
import { UploadTurns } from '../../dist/exchange/upload-turns.js'
import { type MessageStream, pieceBytes } from '../../dist/host/message-stream.js'
import { ExchangeReply, ExchangeRequest } from '../../dist/wire/exchange.js'
import { StreamPairHost } from '../stream-pair-host.ts'

const bytes = randomBytes(900_000)
const digest = digestFromHash('sha256', hash('sha256', bytes, 'buffer'))
const layout = new ChunkLayout(bytes.length)

/** A blob in memory of which `held` can be read. */
function sourceWith(held: ChunkSet): ChunkSource {
  const slice = (start: number, end: number) => Uint8Array.from(bytes.subarray(start, end))
  return {
    descriptor: { digest, size: bytes.length, mediaType: 'application/test' },
    layout,
    held,
    hashOf: (index) => {
      const { start, end } = layout.rangeOf(index)
      return hash('sha256', slice(start, end), 'buffer')
    },
    readAt: async ({ start, end }) => slice(start, end),
  }
}
const wanted = { digest, registry: 'registry.test' }

/** A holder that serves `held` of the blob, and lets the test land more. */
async function holderOf(held: ChunkSet) {
  const host = new StreamPairHost()
  const listeners = new Set<(index: number) => void>()
  const failed = new AbortController()
  let released = 0
  const find = async (asked: Digest, registry: string) =>
    asked === digest
      ? {
          source: sourceWith(held),
          failed: failed.signal,
          onLanded: (listener: (index: number) => void) => {
            listeners.add(listener)
            return () => listeners.delete(listener)
          },
          isHeldBy: () => false,
          isOfRegistry: registry === wanted.registry,
          release: async () => {
            released++
          },
        }
      : undefined
  await new ChunkServer({ host, find, onEvent: () => undefined }).start()
  const land = (index: number) => {
    held.add(index)
    for (const listener of listeners) listener(index)
  }
  return { host, land, fail: () => failed.abort(), released: () => released }
}

/** Starts the session and gives its events as promises. */
function listen(session: ChunkSession) {
  const progress: number[] = []
  const chunk = Promise.withResolvers<ReceivedChunk>()
  const have = Promise.withResolvers<readonly number[]>()
  const refused = Promise.withResolvers<number>()
  const end = Promise.withResolvers<Error | undefined>()
  session.start({
    onChunk: async (received) => chunk.resolve({ ...received, bytes: Uint8Array.from(received.bytes) }),
    onHave: (indexes) => have.resolve(indexes),
    onProgress: (count) => progress.push(count),
    onRefused: (index) => refused.resolve(index),
    onBusy: () => undefined,
    onGranted: () => undefined,
    onEnd: (error) => end.resolve(error),
  })
  return { chunk: chunk.promise, have: have.promise, refused: refused.promise, end: end.promise, progress }
}

async function sessionWith(host: StreamPairHost): Promise<ChunkSession> {
  const session = await ChunkSession.open(host, 'holder', wanted)
  if (session === undefined) throw new Error('the holder knows nothing of the blob')
  return session
}

test('a holder says what it has, and sends what is asked for under its hash', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  const session = await sessionWith(host)
  t.is(session.holding.size, bytes.length)
  t.true(session.holding.chunks.isComplete)
  const { chunk } = listen(session)
  session.request(2)
  const { index, bytes: received, claimedHash } = await chunk
  t.is(index, 2)
  t.deepEqual(Buffer.from(received), bytes.subarray(2 * layout.chunkLength, 3 * layout.chunkLength))
  t.deepEqual(Buffer.from(claimedHash), hash('sha256', received, 'buffer'))
  session.close()
})

test('a blob that the holder does not know is undefined', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  const other = digestFromHash('sha256', new Uint8Array(32))
  t.is(await ChunkSession.open(host, 'holder', { ...wanted, digest: other }), undefined)
})

test('a holder says whether it has the blob by way of the registry that is named', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  for (const registry of ['registry.test', 'other.test']) {
    const session = await ChunkSession.open(host, 'holder', { digest, registry })
    t.is(session?.holding.isOfRegistry, registry === 'registry.test')
    session?.close()
  }
})

test('a session says of each chunk that it is in', async (t) => {
  const said: number[] = []
  const host = await rogueHolder(async (stream) => {
    await stream.read()
    await stream.sendWithBody(header(0, layout.chunkLength), new Uint8Array(layout.chunkLength))
    const message = await stream.read()
    if (message !== undefined) said.push(ExchangeRequest.decode(message).received ?? 0)
    await stream.close()
  })
  const session = await sessionWith(host)
  const { end } = listen(session)
  session.request(0)
  await end
  t.deepEqual(said, [1])
})

test('chunks that land later are told, and can be asked for', async (t) => {
  const { host, land } = await holderOf(new ChunkSet(layout.count))
  const session = await sessionWith(host)
  const { have, chunk } = listen(session)
  land(1)
  t.deepEqual(await have, [1])
  session.request(1)
  t.is((await chunk).index, 1)
  session.close()
})

test('a chunk that the holder lacks is refused', async (t) => {
  const { host } = await holderOf(new ChunkSet(layout.count))
  const session = await sessionWith(host)
  const { refused } = listen(session)
  session.request(3)
  t.is(await refused, 3)
  session.close()
})

test('a requester that leaves frees the holder', async (t) => {
  const { host, released } = await holderOf(ChunkSet.full(layout.count))
  const session = await sessionWith(host)
  const { end } = listen(session)
  session.close()
  await end
  await Promise.all(host.handled)
  t.is(released(), 1)
})

test('when the holder can serve no longer, the session ends', async (t) => {
  const { host, fail } = await holderOf(ChunkSet.full(layout.count))
  const session = await sessionWith(host)
  const { end } = listen(session)
  fail()
  t.truthy(await end)
})

test('a requester that asks for more than anyone needs is cut off', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  const stream = await host.open('holder', exchangeProtocol)
  await stream.send(ExchangeRequest.encode({ open: digest, want: [], cancel: [] }))
  const want = Array.from({ length: 300 }, (_, index) => index + 1000)
  await stream.send(ExchangeRequest.encode({ want, cancel: [] }))
  await t.throwsAsync(async () => {
    while ((await stream.read()) !== undefined);
  })
})

/** A requester of few words, whose messages the test writes. */
async function requesterOf(host: StreamPairHost, { acknowledges }: { acknowledges: boolean }) {
  const stream = await host.open('holder', exchangeProtocol)
  await stream.send(ExchangeRequest.encode({ open: digest, want: [], cancel: [], acknowledges }))
  await stream.read()
  return {
    send: (request: Partial<ExchangeRequest>) =>
      stream.send(ExchangeRequest.encode({ want: [], cancel: [], ...request })),
    leave: () => stream.abort(new Error('the test is done with it')),
    /** The next message, and past the body if it announces one. */
    async next(): Promise<ExchangeReply | undefined> {
      const message = await stream.read()
      if (message === undefined) return undefined
      const reply = ExchangeReply.decode(message)
      if (reply.chunk !== undefined) await stream.readBody(Buffer.alloc(reply.chunk.length))
      return reply
    },
  }
}

/** Has requesters take all slots of a holder. */
async function takeAllSlots(host: StreamPairHost, options: { acknowledges: boolean }) {
  const requesters = []
  for (let taken = 0; taken < 12; taken += layout.count) {
    const requester = await requesterOf(host, options)
    await requester.send({ want: [...Array(layout.count).keys()].slice(0, 12 - taken) })
    for (let n = 0; n < Math.min(layout.count, 12 - taken); n++) await requester.next()
    requesters.push(requester)
  }
  return requesters
}

test('a chunk that was sent takes its slot until the requester says that it is in', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  const [first] = await takeAllSlots(host, { acknowledges: true })
  const waiting = await requesterOf(host, { acknowledges: true })
  await waiting.send({ want: [2] })
  t.deepEqual((await waiting.next())?.busy, [2])
  await first?.send({ received: 1 })
  t.true((await waiting.next())?.granted)
  await waiting.send({ want: [2] })
  t.is((await waiting.next())?.chunk?.index, 2)
})

test('of a requester that never says so, a chunk takes its slot until it was sent', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  await takeAllSlots(host, { acknowledges: false })
  const another = await requesterOf(host, { acknowledges: false })
  await another.send({ want: [2] })
  t.is((await another.next())?.chunk?.index, 2)
})

test('a requester that leaves before it has said so frees its slots', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  for (const requester of await takeAllSlots(host, { acknowledges: true })) requester.leave()
  await Promise.allSettled(host.handled)
  t.is((await takeAllSlots(host, { acknowledges: true })).length, 3)
})

/** A holder's end of a stream, of which the test is the rest. */
function uploadTo(stream: Partial<MessageStream>): Upload {
  const quiet = { peer: 'requester', closed: false, onClose: () => undefined, send: async () => undefined }
  const slots = new UploadSlots(0)
  const turns = new UploadTurns<Upload>(() => slots.count)
  const blob = {
    source: sourceWith(ChunkSet.full(layout.count)),
    failed: new AbortController().signal,
    onLanded: () => () => undefined,
    isHeldBy: () => false,
    isOfRegistry: true,
    release: async () => undefined,
  }
  const init = { turns, slots, zone: '', acknowledges: true, isFar: false }
  return new Upload({ ...quiet, ...stream } as unknown as MessageStream, blob, {
    ...init,
    onEvent: () => undefined,
    listeners: () => 1,
  })
}

test('the word that a chunk is in may come before the stream can take more', async (t) => {
  const begun = Promise.withResolvers<void>()
  const heard = Promise.withResolvers<void>()
  const requests = [{ want: [0] }, { received: 1 }]
  const upload = uploadTo({
    async sendWithBody() {
      begun.resolve()
      await heard.promise
    },
    async read() {
      const request = requests.shift()
      if (request === undefined) {
        heard.resolve()
        return undefined
      }
      if (request.received !== undefined) await begun.promise
      return ExchangeRequest.encode({ want: [], cancel: [], ...request })
    },
  })
  await t.notThrowsAsync(upload.run())
})

test('the first chunk goes out in small pieces, and the next in one where the first was there at once', async (t) => {
  const pieces: (number | undefined)[] = []
  const requests = [{ want: [0] }, { received: 1, want: [1] }]
  let sent = Promise.withResolvers<void>()
  const upload = uploadTo({
    async sendWithBody(_header, _body, options) {
      pieces.push(options?.pieceBytes)
      sent.resolve()
    },
    async read() {
      if (requests.length < 2) await sent.promise
      sent = Promise.withResolvers()
      const request = requests.shift()
      return request && ExchangeRequest.encode({ cancel: [], ...request })
    },
  })
  await upload.run()
  t.deepEqual(pieces, [16 * 1024, pieceBytes])
})

test('requesters that say that more is in than was sent are cut off, and keep no slot', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  for (const requester of await takeAllSlots(host, { acknowledges: true })) {
    await requester.send({ received: 100 })
    await t.throwsAsync(async () => {
      while ((await requester.next()) !== undefined);
    })
  }
  const another = await requesterOf(host, { acknowledges: true })
  await another.send({ want: [2] })
  t.is((await another.next())?.chunk?.index, 2)
})

/** A holder that greets properly and then sends what the test says. */
async function rogueHolder(afterGreeting: (stream: MessageStream) => Promise<void>): Promise<StreamPairHost> {
  const host = new StreamPairHost()
  await host.handle(exchangeProtocol, async (stream) => {
    await stream.read()
    const holding = {
      size: BigInt(bytes.length),
      mediaType: '',
      chunks: ChunkSet.full(layout.count).encode(),
    }
    await stream.send(ExchangeReply.encode({ holding, have: [], refused: [] }))
    await afterGreeting(stream)
  })
  return host
}

const header = (index: number, length: number) =>
  ExchangeReply.encode({ have: [], refused: [], chunk: { index, length, hash: new Uint8Array(32) } })

for (const [what, misbehave] of [
  ['a chunk that was not asked for', (stream) => stream.sendWithBody(header(1, 10), new Uint8Array(10))],
  ['a chunk of the wrong length', (stream) => stream.sendWithBody(header(0, 10), new Uint8Array(10))],
  [
    'news of a chunk outside the blob',
    (stream) => stream.send(ExchangeReply.encode({ have: [999], refused: [] })),
  ],
  ['a message that is no protobuf', (stream) => stream.send(Uint8Array.of(0xff, 0xff, 0xff))],
] as const satisfies readonly (readonly [string, (stream: MessageStream) => Promise<void>])[]) {
  test(`${what} ends the session with an error`, async (t) => {
    const asked = Promise.withResolvers<void>()
    const session = await sessionWith(
      await rogueHolder((stream) => asked.promise.then(() => misbehave(stream))),
    )
    const { end } = listen(session)
    session.request(0)
    asked.resolve()
    t.is((await end)?.name, 'InvalidInputError')
  })
}

test('a body that ends early ends the session with an error', async (t) => {
  const session = await sessionWith(
    await rogueHolder(async (stream) => {
      await stream.read()
      await stream.sendWithBody(header(0, layout.chunkLength), new Uint8Array(1000))
      await stream.close()
    }),
  )
  const { end, progress } = listen(session)
  session.request(0)
  t.is((await end)?.name, 'StreamClosedError')
  t.deepEqual(progress, [1000], 'what came of it was told')
})

test('garbage instead of an answer is an error, never a session', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (garbage) => {
      const host = new StreamPairHost()
      await host.handle(exchangeProtocol, async (stream) => {
        await stream.send(garbage)
        await stream.close()
      })
      try {
        return (await ChunkSession.open(host, 'holder', wanted)) === undefined
      } catch (error) {
        return ['InvalidInputError', 'StreamClosedError'].includes((error as Error).name)
      }
    }),
    { numRuns: 60 },
  )
  t.pass()
})

test('garbage from a requester ends its stream, and the holder goes on', async (t) => {
  const { host } = await holderOf(ChunkSet.full(layout.count))
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (garbage) => {
      const stream = await host.open('holder', exchangeProtocol)
      await stream.send(garbage)
      try {
        await stream.close()
        while ((await stream.read()) !== undefined);
      } catch {
        return true // cut off, as it should be
      }
      return true
    }),
    { numRuns: 60 },
  )
  const session = await sessionWith(host)
  t.is(session.holding.size, bytes.length)
  session.close()
})
