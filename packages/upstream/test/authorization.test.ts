import type { IncomingMessage, ServerResponse } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import {
  blobAt,
  fails,
  originAt,
  originOf,
  readAll,
  repositoryAt,
  respond,
  serve,
  type TestServer,
} from './fixture.ts'

const credentials = { username: 'node', password: 'pass word' }
const basicHeader = `Basic ${Buffer.from('node:pass word').toString('base64')}`

interface BearerOptions {
  readonly accepts?: (token: string) => boolean
  readonly token?: (request: IncomingMessage, response: ServerResponse, token: string) => void
  readonly scope?: string
}

/** A registry with a token service on the same host, as docker-registry has it. */
function serveBearer(t: ExecutionContext, options: BearerOptions = {}): Promise<TestServer> {
  let issued = 0
  return serve(t, (request, response) => {
    const host = request.headers.host
    if (request.url?.startsWith('/token')) {
      const token = `secret-${++issued}`
      if (options.token) return options.token(request, response, token)
      return respond(response, 200, {}, JSON.stringify({ token, expires_in: 300 }))
    }
    const given = request.headers.authorization ?? ''
    const accepts = options.accepts ?? ((token) => token.startsWith('secret-'))
    if (given.startsWith('Bearer ') && accepts(given.slice(7))) return respond(response, 200, {}, 'blob')
    const scope = options.scope ?? 'repository:library/demo:pull,push'
    const challenge = `Bearer realm="http://${host}/token?a=b",service="registry",scope="${scope}"`
    return respond(response, 401, { 'www-authenticate': challenge }, '{"errors":[{"code":"UNAUTHORIZED"}]}')
  })
}

const tokenLines = (server: TestServer) => server.lines.filter((line) => line.startsWith('GET /token'))

test('an anonymous token is fetched on challenge', async (t) => {
  const server = await serveBearer(t)
  const { body } = await originAt(t, server).fetch(blobAt(server))
  t.is((await readAll(body)).toString(), 'blob')
  const scope = encodeURIComponent('repository:library/demo:pull,push')
  t.deepEqual(tokenLines(server), [`GET /token?a=b&service=registry&scope=${scope}`])
  t.is(server.requests[1]?.headers.authorization, undefined)
  t.is(server.requests[2]?.headers.authorization, 'Bearer secret-1')
})

test('a token is used from the start the next time', async (t) => {
  const server = await serveBearer(t)
  const origin = originAt(t, server)
  await origin.describe(blobAt(server))
  await origin.describe(blobAt(server))
  t.is(server.requests.length, 4)
  t.is(server.requests[3]?.headers.authorization, 'Bearer secret-1')
})

test('requests at the same time share one token', async (t) => {
  const server = await serveBearer(t)
  const origin = originAt(t, server)
  await Promise.all(Array.from({ length: 10 }, () => origin.describe(blobAt(server))))
  t.is(tokenLines(server).length, 1)
})

test('one connection is enough for challenge, token and content', async (t) => {
  const server = await serveBearer(t)
  const origin = originAt(t, server, { init: { maxConnections: 1 } })
  t.is((await readAll((await origin.fetch(blobAt(server))).body)).toString(), 'blob')
  t.is(new Set(server.requests.map(({ socket }) => socket)).size, 1)
})

test('a token is replaced before it expires', async (t) => {
  const server = await serveBearer(t)
  let now = 0
  const origin = originAt(t, server, { init: { now: () => now } })
  await origin.describe(blobAt(server))
  now = 295_000
  await origin.describe(blobAt(server))
  t.is(server.requests.at(-1)?.headers.authorization, 'Bearer secret-2')
})

test('a token without a lifetime lasts a minute', async (t) => {
  const server = await serveBearer(t, {
    token: (_, response, token) => respond(response, 200, {}, JSON.stringify({ access_token: token })),
  })
  let now = 0
  const origin = originAt(t, server, { init: { now: () => now } })
  await origin.describe(blobAt(server))
  now = 49_000
  await origin.describe(blobAt(server))
  t.is(tokenLines(server).length, 1)
  now = 61_000
  await origin.describe(blobAt(server))
  t.is(tokenLines(server).length, 2)
})

test('a token that the registry no longer takes is replaced, once', async (t) => {
  const rejected = new Set<string>()
  const server = await serveBearer(t, { accepts: (token) => !rejected.has(token) })
  const origin = originAt(t, server)
  await origin.describe(blobAt(server))
  rejected.add('secret-1')
  await origin.describe(blobAt(server))
  t.is(server.requests.at(-1)?.headers.authorization, 'Bearer secret-2')
})

test('a registry that takes no token at all is unauthorized, after one try', async (t) => {
  const server = await serveBearer(t, { accepts: () => false })
  const error = await fails(
    t,
    originAt(t, server).fetch(blobAt(server)),
    'unauthorized',
    /status 401 UNAUTHORIZED/,
  )
  t.is(tokenLines(server).length, 1)
  t.notRegex(error.message, /secret/)
})

test('a challenge without a scope is answered for the repository', async (t) => {
  const server = await serveBearer(t, { scope: '' })
  await originAt(t, server).describe(blobAt(server))
  t.regex(tokenLines(server)[0] ?? '', /scope=repository%3Alibrary%2Fdemo%3Apull$/)
})

test('several scopes are asked for one by one', async (t) => {
  const server = await serveBearer(t, { scope: 'repository:a:pull repository:b:pull' })
  await originAt(t, server).describe(blobAt(server))
  t.regex(tokenLines(server)[0] ?? '', /scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull$/)
})

test('the token service gets the credentials, the registry only the token', async (t) => {
  const server = await serveBearer(t)
  await originAt(t, server, credentials).describe(blobAt(server))
  t.is(server.requests[1]?.headers.authorization, basicHeader)
  t.deepEqual(
    [server.requests[0], server.requests[2]].map((request) => request?.headers.authorization),
    [undefined, 'Bearer secret-1'],
  )
})

test('a token service that refuses makes the request unauthorized', async (t) => {
  const server = await serveBearer(t, { token: (_, response) => respond(response, 401) })
  await fails(t, originAt(t, server, credentials).fetch(blobAt(server)), 'unauthorized')
})

test('a token service that is gone does not make content not found', async (t) => {
  const server = await serveBearer(t, { token: (_, response) => respond(response, 404) })
  await fails(
    t,
    originAt(t, server).fetch(blobAt(server)),
    'malformed',
    /token service, 127\.0\.0\.1:\d+, that is not there/,
  )
})

test('a registry that has done away with its token service is heard', async (t) => {
  let open = false
  const server = await serve(t, (request, response) => {
    if (request.url?.startsWith('/token')) respond(response, open ? 404 : 200, {}, '{"token":"secret-1"}')
    else if (open || request.headers.authorization) respond(response, 200, {}, 'blob')
    else respond(response, 401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` })
  })
  let now = 0
  const origin = originAt(t, server, { init: { now: () => now } })
  await origin.describe(blobAt(server))
  open = true
  now = 60_000
  await fails(t, origin.describe(blobAt(server)), 'malformed')
  t.is((await origin.describe(blobAt(server))).size, 4)
})

test('a token service in trouble is asked again', async (t) => {
  let asked = 0
  const server = await serveBearer(t, {
    token: (_, response, token) => {
      if (++asked === 1) respond(response, 503)
      else respond(response, 200, {}, JSON.stringify({ token }))
    },
  })
  t.is((await originAt(t, server).describe(blobAt(server))).size, 4)
})

test('repositories have tokens of their own', async (t) => {
  const server = await serve(t, (request, response) => {
    const repository = request.url?.split('/')[3]
    if (request.url?.startsWith('/token')) {
      const scope = new URL(request.url, 'http://x').searchParams.get('scope') ?? ''
      respond(response, 200, {}, JSON.stringify({ token: scope.split('/')[1]?.split(':')[0] }))
    } else if (request.headers.authorization === `Bearer ${repository}`) {
      respond(response, 200, {}, 'blob')
    } else {
      const challenge = `Bearer realm="http://${request.headers.host}/token",scope="repository:library/${repository}:pull"`
      respond(response, 401, { 'www-authenticate': challenge })
    }
  })
  const origin = originAt(t, server)
  for (const name of ['library/one', 'library/two', 'library/one']) {
    await origin.describe({ ...blobAt(server), repository: repositoryAt(server, name) })
  }
  t.is(tokenLines(server).length, 2)
})

test('registries that share a token service do not share tokens', async (t) => {
  let issued = 0
  const given: (string | undefined)[] = []
  const server = await serve(t, (request, response) => {
    if (request.url?.startsWith('/token')) {
      respond(response, 200, {}, JSON.stringify({ token: `secret-${++issued}` }))
    } else if (request.headers.authorization) {
      given.push(request.headers.authorization)
      respond(response, 200, {}, 'blob')
    } else {
      respond(response, 401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` })
    }
  })
  const upstreams = ['a.example', 'b.example'].map((registry) => ({ registry, url: server.url }))
  const origin = originOf(t, { upstreams })
  for (const { registry } of upstreams) {
    await origin.describe({ ...blobAt(server), repository: { registry, name: 'library/demo' } })
  }
  t.deepEqual(given, ['Bearer secret-1', 'Bearer secret-2'])
})
