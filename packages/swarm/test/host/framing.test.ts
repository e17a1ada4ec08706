import { streamPair } from '@libp2p/utils'
import { InvalidInputError } from '@shoal/content'
import test from 'ava'
import fc from 'fast-check'
import * as varint from 'uint8-varint'
import { StreamClosedError } from '../../dist/host/errors.js'
import { MessageStream } from '../../dist/host/message-stream.js'

/** Each run passes through an in-memory network with a delay of its own. */
const numRuns = 50

test('messages and bodies arrive as they were sent, wherever the network cuts them', async (t) => {
  const item = fc.record({
    message: fc.uint8Array({ maxLength: 300 }),
    body: fc.uint8Array({ maxLength: 300 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 8 }),
      fc.infiniteStream(fc.nat(200)),
      async (items, cuts) => {
        const [near, far] = await streamPair()
        const stream = new MessageStream(far, { peer: 'peer' })
        const bytes = Buffer.concat(
          items.flatMap(({ message, body }) => [varint.encode(message.length), message, body]),
        )
        for (let start = 0; start < bytes.length; ) {
          const end = start + 1 + (cuts.next().value ?? 0)
          near.send(bytes.subarray(start, end))
          start = end
        }
        await near.close()
        for (const { message, body } of items) {
          const received = await stream.read()
          t.deepEqual(Buffer.from(received ?? []), Buffer.from(message))
          const target = new Uint8Array(body.length)
          await stream.readBody(target)
          t.deepEqual(target, body)
        }
        t.is(await stream.read(), undefined)
      },
    ),
    { numRuns },
  )
})

test('garbage gives messages within the limit and then a typed error or the end, never more', async (t) => {
  const maxMessageBytes = 100
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (garbage) => {
      const [near, far] = await streamPair()
      const stream = new MessageStream(far, { peer: 'peer', maxMessageBytes })
      if (garbage.length > 0) near.send(garbage)
      await near.close()
      try {
        for (;;) {
          const message = await stream.read()
          if (message === undefined) return
          t.true(message.length <= maxMessageBytes)
        }
      } catch (error) {
        t.true(error instanceof StreamClosedError || error instanceof InvalidInputError, String(error))
      }
    }),
    { numRuns },
  )
  t.pass()
})
