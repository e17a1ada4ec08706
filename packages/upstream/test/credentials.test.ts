import test from 'ava'
import { blobAt, fails, originAt, readAll, respond, serve } from './fixture.ts'

const credentials = { username: 'node', password: 'pass word' }
const basicHeader = `Basic ${Buffer.from('node:pass word').toString('base64')}`

test('a Basic challenge is answered with the credentials, and from the start the next time', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.headers.authorization === basicHeader) respond(response, 200, {}, 'blob')
    else respond(response, 401, { 'www-authenticate': 'Basic realm="registry"' })
  })
  const origin = originAt(t, server, credentials)
  await origin.describe(blobAt(server))
  await origin.describe(blobAt(server))
  t.deepEqual(
    server.requests.map((request) => request.headers.authorization),
    [undefined, basicHeader, basicHeader],
  )
})

test('credentials that a registry does not take are not tried again', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 401, { 'www-authenticate': 'Basic realm="x"' }),
  )
  const error = await fails(t, originAt(t, server, credentials).fetch(blobAt(server)), 'unauthorized')
  t.is(server.requests.length, 2)
  t.notRegex(error.message, /pass/)
})

test('a Basic challenge without credentials is unauthorized', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 401, { 'www-authenticate': 'Basic realm="x"' }),
  )
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'unauthorized', /configure credentials/)
})

test('403 is unauthorized', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 403, {}, '{"errors":[{"code":"DENIED"}]}'))
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'unauthorized', /403 DENIED/)
})

test('neither token nor credentials follow a redirect to another host', async (t) => {
  const storage = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const server = await serve(t, (request, response) => {
    if (request.headers.authorization === basicHeader)
      respond(response, 307, { location: `${storage.url}/signed` })
    else respond(response, 401, { 'www-authenticate': 'Basic realm="x"' })
  })
  const origin = originAt(t, server, {
    ...credentials,
    init: { upstreams: [{ registry: storage.host, url: storage.url, username: 'other', password: 'other' }] },
  })
  t.is((await readAll((await origin.fetch(blobAt(server))).body)).toString(), 'blob')
  t.is(storage.requests[0]?.headers.authorization, undefined)
})

test('a challenge from where a registry redirects to is not answered', async (t) => {
  const storage = await serve(t, (_, response) =>
    respond(response, 401, { 'www-authenticate': 'Basic realm="x"' }),
  )
  const server = await serve(t, (_, response) => respond(response, 307, { location: `${storage.url}/x` }))
  const origin = originAt(t, server, {
    ...credentials,
    init: { upstreams: [{ registry: storage.host, url: storage.url, ...credentials }] },
  })
  await fails(t, origin.fetch(blobAt(server)), 'unauthorized')
  t.is(storage.requests.length, 1)
})

test('a redirect on the same host keeps the token', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.headers.authorization !== basicHeader) {
      respond(response, 401, { 'www-authenticate': 'Basic realm="x"' })
    } else if (request.url === '/elsewhere') {
      respond(response, 200, {}, 'blob')
    } else {
      respond(response, 302, { location: '/elsewhere' })
    }
  })
  t.is((await originAt(t, server, credentials).describe(blobAt(server))).size, 4)
})

test('credentials do not go to a token service elsewhere', async (t) => {
  const challenge = 'Bearer realm="https://tokens.evil.example/token",service="x"'
  const server = await serve(t, (_, response) => respond(response, 401, { 'www-authenticate': challenge }))
  const error = await fails(
    t,
    originAt(t, server, credentials).fetch(blobAt(server)),
    'refused',
    /credentials sent to tokens\.evil\.example/,
  )
  t.notRegex(error.message, /pass word/)
})

test('a token service elsewhere that the settings name gets the credentials', async (t) => {
  const tokens = await serve(t, (_, response) => respond(response, 200, {}, '{"token":"secret"}'))
  const challenge = `Bearer realm="http://localhost:${tokens.port}/token"`
  const server = await serve(t, (request, response) => {
    if (request.headers.authorization === 'Bearer secret') respond(response, 200, {}, 'blob')
    else respond(response, 401, { 'www-authenticate': challenge })
  })
  const tokenService = `http://localhost:${tokens.port}`
  await originAt(t, server, { ...credentials, tokenService }).describe(blobAt(server))
  t.is(tokens.requests[0]?.headers.authorization, basicHeader)
})
