import test from 'ava'
import {
  blobAt,
  fails,
  manifestAt,
  originAt,
  originOf,
  readAll,
  repositoryAt,
  respond,
  serve,
} from './fixture.ts'

/** A server that fails until the given request. */
function serveAfter(t: Parameters<typeof serve>[0], failures: number, fail: Parameters<typeof serve>[1]) {
  let asked = 0
  return serve(t, (request, response) => {
    if (++asked <= failures) fail(request, response)
    else respond(response, 200, {}, 'blob')
  })
}

for (const status of [408, 500, 502, 503, 504]) {
  test(`${status} is tried again`, async (t) => {
    const server = await serveAfter(t, 2, (_, response) => respond(response, status))
    const { body } = await originAt(t, server).fetch(blobAt(server))
    t.is((await readAll(body)).toString(), 'blob')
    t.is(server.requests.length, 3)
  })
}

test('a dropped connection is tried again', async (t) => {
  const server = await serveAfter(t, 2, (request) => request.socket.destroy())
  t.is((await originAt(t, server).describe(blobAt(server))).size, 4)
  t.is(server.requests.length, 3)
})

test('a registry that stays in trouble is unavailable after three tries', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 503, { 'retry-after': '1' }))
  const origin = originAt(t, server, { init: { now: stepping(1) } })
  const error = await fails(t, origin.fetch(manifestAt(server)), 'unavailable', /status 503$/)
  t.is(server.requests.length, 3)
  t.is(error.retryAfterMs, 1_000)
})

test('nobody at the address is unavailable', async (t) => {
  const server = await serve(t, () => undefined)
  const closed = { registry: server.host, url: 'http://127.0.0.1:1' }
  await fails(t, originOf(t, { upstreams: [closed] }).fetch(blobAt(server)), 'unavailable', /ECONNREFUSED/)
})

test('nobody at any of several addresses is unavailable', async (t) => {
  const lookup = async () => [
    { address: '127.0.0.1', family: 4 },
    { address: '127.0.0.2', family: 4 },
  ]
  const upstreams = [{ registry: 'registry.example', url: 'http://registry.example:1' }]
  const repository = { registry: 'registry.example', name: 'library/demo' }
  await fails(
    t,
    originOf(t, { upstreams, lookup }).resolve(repository, 'latest'),
    'unavailable',
    /ECONNREFUSED/,
  )
})

test('a name that does not exist is asked for once', async (t) => {
  let asked = 0
  const lookup = async () => {
    asked++
    throw Object.assign(new Error('getaddrinfo ENOTFOUND registry.example'), { code: 'ENOTFOUND' })
  }
  const repository = { registry: 'registry.example', name: 'library/demo' }
  await fails(t, originOf(t, { lookup }).resolve(repository, 'latest'), 'unavailable', /ENOTFOUND/)
  t.is(asked, 1)
})

for (const status of [400, 401, 403, 404, 410, 501]) {
  test(`${status} is not tried again`, async (t) => {
    const server = await serve(t, (_, response) => respond(response, status))
    await t.throwsAsync(originAt(t, server).fetch(blobAt(server)))
    t.is(server.requests.length, 1)
  })
}

test('429 with a short wait is tried again', async (t) => {
  const server = await serveAfter(t, 1, (_, response) => respond(response, 429, { 'retry-after': '0' }))
  t.is((await originAt(t, server).describe(blobAt(server))).size, 4)
})

test('429 with a long wait is told at once', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 429, { 'retry-after': '60' }))
  const error = await fails(t, originAt(t, server).resolve(repositoryAt(server), 'latest'), 'rate-limited')
  t.is(error.retryAfterMs, 60_000)
  t.is(server.requests.length, 1)
})

test('429 without a wait is told at once', async (t) => {
  const body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}'
  const server = await serve(t, (_, response) => respond(response, 429, {}, body))
  const error = await fails(
    t,
    originAt(t, server).fetch(blobAt(server)),
    'rate-limited',
    /429 TOOMANYREQUESTS/,
  )
  t.is(error.retryAfterMs, undefined)
  t.is(server.requests.length, 1)
})

test('a redirect target that fails is not asked again: the registry signs a new one', async (t) => {
  let signed = 0
  const server = await serve(t, (request, response) => {
    if (request.url === '/signed-1') respond(response, 500)
    else if (request.url === '/signed-2') respond(response, 200, {}, 'blob')
    else respond(response, 307, { location: `/signed-${++signed}` })
  })
  t.is((await originAt(t, server).describe(blobAt(server))).size, 4)
})

test('the signal ends a wait between attempts', async (t) => {
  const abort = new AbortController()
  const server = await serve(t, (_, response) => {
    respond(response, 503, { 'retry-after': '2' })
    response.on('finish', () => setImmediate(() => abort.abort(reason)))
  })
  const reason = new Error('left')
  t.is(await t.throwsAsync(originAt(t, server).fetch(blobAt(server), { signal: abort.signal })), reason)
})

/** A clock that moves a little each time that it is read. */
function stepping(milliseconds: number): () => number {
  let now = 0
  return () => (now += milliseconds)
}
