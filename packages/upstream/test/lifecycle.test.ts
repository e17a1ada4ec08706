import test from 'ava'
import { createOrigin } from '../dist/index.js'
import { blobAt, fails, originAt, readAll, respond, serve } from './fixture.ts'

test('stop ends a request that waits for its answer', async (t) => {
  const asked = Promise.withResolvers<void>()
  const server = await serve(t, () => asked.resolve())
  const origin = originAt(t, server)
  const call = origin.fetch(blobAt(server))
  await Promise.all([fails(t, call, 'unavailable', /stopped/), asked.promise.then(() => origin.stop())])
})

test('stop ends a wait between attempts', async (t) => {
  const answered = Promise.withResolvers<void>()
  const server = await serve(t, (_, response) => {
    response.on('finish', () => setImmediate(answered.resolve))
    respond(response, 503, { 'retry-after': '2' })
  })
  const origin = originAt(t, server)
  const call = origin.fetch(blobAt(server))
  await Promise.all([fails(t, call, 'unavailable', /stopped/), answered.promise.then(() => origin.stop())])
})

test('stop ends a body that is being read', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345')
  })
  const origin = originAt(t, server)
  const { body } = await origin.fetch(blobAt(server))
  const read = async () => {
    for await (const _ of body) void origin.stop()
  }
  await fails(t, read(), 'unavailable', /5 of 10 bytes/)
})

test('stop closes idle connections', async (t) => {
  const closed = Promise.withResolvers<void>()
  const server = await serve(t, (request, response) => {
    request.socket.on('close', () => closed.resolve())
    respond(response, 200, {}, 'blob')
  })
  const origin = originAt(t, server)
  await readAll((await origin.fetch(blobAt(server))).body)
  await origin.stop()
  await t.notThrowsAsync(closed.promise)
})

test('a stopped client asks nobody', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200))
  const origin = originAt(t, server)
  await origin.stop()
  await fails(t, origin.fetch(blobAt(server)), 'unavailable', /stopped/)
  t.is(server.requests.length, 0)
})

test('stop can be called again', async (t) => {
  const origin = createOrigin()
  await Promise.all([origin.stop(), origin.stop()])
  await t.notThrowsAsync(origin.stop())
})

test('with only, a registry that is not named is refused', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200))
  const origin = originAt(t, server, { init: { only: true } })
  const repository = { registry: 'docker.io', name: 'library/nginx' }
  await fails(t, origin.resolve(repository, 'latest'), 'refused', /not one of the upstreams/)
})
