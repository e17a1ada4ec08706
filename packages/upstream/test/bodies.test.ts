import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { blobAt, fails, originAt, readAll, respond, respondWith, serve } from './fixture.ts'

const bytes = randomBytes(300_000)

test('a body that is cut throws, and says how far it came', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10_000 })
    response.write(bytes.subarray(0, 4_000), () => response.destroy())
  })
  const { body } = await originAt(t, server).fetch(blobAt(server))
  await fails(t, readAll(body), 'unavailable', /4000 of 10000 bytes/)
})

test('a chunked body that ends early throws', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') return respond(response, 200, { 'content-length': 10 })
    response.writeHead(200)
    response.write('12345')
    response.end()
  })
  const { body } = await originAt(t, server).fetch(blobAt(server))
  await fails(t, readAll(body), 'unavailable', /5 of 10 bytes/)
})

test('a body that goes on after its range throws', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(206, { 'content-range': 'bytes 0-4/10' })
    response.write('12345')
    response.end('67890')
  })
  const { body } = await originAt(t, server).fetch(blobAt(server), { range: { start: 0, end: 5 } })
  await fails(t, readAll(body), 'malformed', /more than the 5 bytes/)
})

test('a body that stalls throws', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345')
  })
  const { body } = await originAt(t, server, { init: { stallTimeoutMs: 50 } }).fetch(blobAt(server))
  await fails(t, readAll(body), 'unavailable', /5 of 10 bytes/)
})

test('an answer that never begins is given up', async (t) => {
  const server = await serve(t, () => undefined)
  const origin = originAt(t, server, { init: { answerTimeoutMs: 50 } })
  await fails(t, origin.fetch(blobAt(server)), 'unavailable', /no answer within 50 ms/)
})

test('a wait for a free connection ends in time', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345')
  })
  const origin = originAt(t, server, {
    init: { maxConnections: 1, answerTimeoutMs: 1_000, stallTimeoutMs: 0 },
  })
  await origin.fetch(blobAt(server))
  await fails(t, origin.fetch(blobAt(server)), 'unavailable', /no answer within 1000 ms/)
})

test('the signal ends a wait for a free connection, and the request is never sent', async (t) => {
  const server = await serve(t, (_, response) => respondWith(bytes, undefined, response))
  const origin = originAt(t, server, { init: { maxConnections: 1 } })
  const { body } = await origin.fetch(blobAt(server))
  const abort = new AbortController()
  const waiting = origin.fetch(blobAt(server), { signal: abort.signal })
  await setImmediate() // by now it waits in the pool's queue
  const reason = new Error('left')
  abort.abort(reason)
  t.is(await t.throwsAsync(waiting), reason)
  await readAll(body)
  await readAll((await origin.fetch(blobAt(server))).body)
  t.is(server.requests.length, 2)
})

test('a reader that stops early ends the request', async (t) => {
  const ended = Promise.withResolvers<unknown>()
  const server = await serve(t, (_, response) => {
    ended.resolve(once(response, 'close'))
    response.writeHead(200, { 'content-length': bytes.length + 1 })
    response.write(bytes)
  })
  for await (const _ of (await originAt(t, server).fetch(blobAt(server))).body) break
  await t.notThrowsAsync(ended.promise)
})

test('a body that is returned unread ends the request', async (t) => {
  const ended = Promise.withResolvers<unknown>()
  const server = await serve(t, (_, response) => {
    ended.resolve(once(response, 'close'))
    response.writeHead(200, { 'content-length': bytes.length + 1 })
    response.write(bytes)
  })
  const { body } = await originAt(t, server).fetch(blobAt(server))
  await body[Symbol.asyncIterator]().return?.()
  await t.notThrowsAsync(ended.promise)
})

test('the signal ends a body that nobody reads', async (t) => {
  const ended = Promise.withResolvers<unknown>()
  const server = await serve(t, (_, response) => {
    ended.resolve(once(response, 'close'))
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345')
  })
  const abort = new AbortController()
  await originAt(t, server).fetch(blobAt(server), { signal: abort.signal })
  abort.abort()
  await t.notThrowsAsync(ended.promise)
})

test('the signal’s reason is what a reader gets', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345')
  })
  const abort = new AbortController()
  const { body } = await originAt(t, server).fetch(blobAt(server), { signal: abort.signal })
  const reason = new Error('left')
  const read = async () => {
    for await (const _ of body) abort.abort(reason)
  }
  t.is(await t.throwsAsync(read()), reason)
})

test('the signal’s reason is what a caller gets', async (t) => {
  const abort = new AbortController()
  const reason = new Error('left')
  const server = await serve(t, () => abort.abort(reason))
  t.is(await t.throwsAsync(originAt(t, server).fetch(blobAt(server), { signal: abort.signal })), reason)
})

test('nothing is asked under a signal that has aborted', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200))
  const reason = new Error('left')
  const call = originAt(t, server).fetch(blobAt(server), { signal: AbortSignal.abort(reason) })
  t.is(await t.throwsAsync(call), reason)
  t.is(server.requests.length, 0)
})

test('a reader that waits holds back the sender', async (t) => {
  const piece = Buffer.alloc(1024 * 1024)
  const pieces = 256
  let sent = 0
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') return respond(response, 200, { 'content-length': 1 })
    response.writeHead(200, { 'content-length': pieces * piece.length })
    const send = () => {
      while (sent < pieces) {
        sent++
        if (!response.write(piece)) return
      }
    }
    response.on('drain', send)
    send()
  })
  const origin = originAt(t, server)
  const { body } = await origin.fetch(blobAt(server))
  const iterator = body[Symbol.asyncIterator]()
  await iterator.next()
  // Whatever could flow has had its chance after so many answers on other connections.
  for (let asked = 0; asked < 50; asked++) await origin.describe(blobAt(server))
  t.true(sent < pieces / 4, `${sent} of ${pieces} MiB were sent to a reader that took 64 KiB`)
  await iterator.return?.()
})
