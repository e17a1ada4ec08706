import { gzipSync } from 'node:zlib'
import test from 'ava'
import { hedged } from '../dist/hedge.js'
import { blobAt, fails, manifestAt, originAt, readAll, serve } from './fixture.ts'

const bytes = Buffer.from('blob'.repeat(10_000))

test('gzip that nobody asked for is undone, and the size is that of the content', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD')
      return void response.writeHead(200, { 'content-length': bytes.length }).end()
    const body = gzipSync(bytes)
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body)
  })
  const { size, range, body } = await originAt(t, server).fetch(blobAt(server), {
    range: { start: 0, end: 10 },
  })
  t.is(size, bytes.length)
  t.deepEqual(range, { start: 0, end: bytes.length })
  t.deepEqual(await readAll(body), bytes)
})

test('gzip that unpacks to more than was announced is cut', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') return void response.writeHead(200, { 'content-length': 100 }).end()
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)))
  })
  const { body } = await originAt(t, server).fetch(blobAt(server))
  await fails(t, readAll(body), 'malformed')
  const manifest = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)))
  })
  await fails(t, originAt(t, manifest).fetch(manifestAt(manifest)), 'malformed')
})

test('gzip that is none, or ends early, is an error', async (t) => {
  for (const garbage of [Buffer.from('garbage'), gzipSync(bytes).subarray(0, 50)]) {
    const server = await serve(t, (request, response) => {
      const headers =
        request.method === 'HEAD' ? { 'content-length': bytes.length } : { 'content-encoding': 'gzip' }
      response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : garbage)
    })
    const { body } = await originAt(t, server).fetch(blobAt(server))
    await fails(t, readAll(body), 'unavailable')
  }
})

test('a HEAD that nobody answers is asked once more', async (t) => {
  const server = await serve(t, (_, response) => {
    if (server.requests.length > 1) response.writeHead(200, { 'content-length': 4 }).end()
  })
  t.is((await originAt(t, server).describe(blobAt(server))).size, 4)
  t.is(server.requests.length, 2)
})

test('the first answer counts, and the other request is ended', async (t) => {
  const signals: AbortSignal[] = []
  const ask = (signal: AbortSignal): Promise<number> => {
    const turn = signals.push(signal)
    return turn === 2 ? Promise.resolve(2) : new Promise(() => undefined)
  }
  t.is(await hedged(ask, { afterMs: 5, signal: undefined }), 2)
  t.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  )
})

test('a first request that fails at once is not asked again', async (t) => {
  let asked = 0
  const ask = async (): Promise<never> => {
    asked++
    throw new Error('refused')
  }
  await t.throwsAsync(hedged(ask, { afterMs: 5, signal: undefined }), { message: 'refused' })
  t.is(asked, 1)
})

test('when both fail, the last failure counts', async (t) => {
  let asked = 0
  const ask = (): Promise<never> =>
    ++asked === 1
      ? new Promise((_, reject) => setTimeout(reject, 40, new Error('late')))
      : Promise.reject(new Error('second'))
  await t.throwsAsync(hedged(ask, { afterMs: 5, signal: undefined }), { message: 'second' })
})
