import { text } from 'node:stream/consumers'
import test from 'ava'
import { blobAt, fails, originAt, originOf, respond, serve } from './fixture.ts'

const challengeOf = (host: string | undefined) => ({
  'www-authenticate': `Bearer realm="http://${host}/token",service="registry",scope="repository:library/demo:pull"`,
})

test('a token service that does not do GET is asked by POST, with the password in the form', async (t) => {
  const forms: URLSearchParams[] = []
  const server = await serve(t, async (request, response) => {
    if (request.url?.startsWith('/token') && request.method === 'POST') {
      forms.push(new URLSearchParams(await text(request)))
      respond(response, 200, {}, '{"access_token":"bought","expires_in":300}')
    } else if (request.url?.startsWith('/token')) respond(response, 405)
    else if (request.headers.authorization === 'Bearer bought') respond(response, 200, {}, 'blob')
    else respond(response, 401, challengeOf(request.headers.host))
  })
  await originAt(t, server, { username: 'node', password: 'pass word' }).describe(blobAt(server))
  t.deepEqual(Object.fromEntries(forms[0] ?? []), {
    client_id: 'shoal',
    grant_type: 'password',
    username: 'node',
    password: 'pass word',
    service: 'registry',
    scope: 'repository:library/demo:pull',
  })
})

test('nobody in particular is not asked for by POST', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.url?.startsWith('/token')) respond(response, 405)
    else respond(response, 401, challengeOf(request.headers.host))
  })
  await fails(t, originAt(t, server).describe(blobAt(server)), 'malformed')
  t.deepEqual(
    server.requests.filter(({ method }) => method === 'POST'),
    [],
  )
})

test('a token that buys tokens goes by POST only', async (t) => {
  const forms: URLSearchParams[] = []
  const server = await serve(t, async (request, response) => {
    if (request.url?.startsWith('/token')) {
      forms.push(new URLSearchParams(await text(request)))
      respond(response, 200, {}, '{"access_token":"bought"}')
    } else if (request.headers.authorization === 'Bearer bought') respond(response, 200, {}, 'blob')
    else respond(response, 401, challengeOf(request.headers.host))
  })
  const origin = originOf(t, {
    upstreams: [{ registry: server.host, url: server.url }],
    credentials: [{ find: async () => ({ identityToken: 'long-lived' }) }],
  })
  await origin.describe(blobAt(server))
  t.is(forms[0]?.get('grant_type'), 'refresh_token')
  t.is(forms[0]?.get('refresh_token'), 'long-lived')
  t.false(server.lines.some((line) => line.includes('long-lived')))
})

test('a source of credentials that fails is told of once, and the registry asked without it', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.headers.authorization) respond(response, 400)
    else respond(response, 200, {}, 'blob')
  })
  let asked = 0
  const troubles: string[] = []
  const failing = async () => {
    asked++
    throw new Error('the keyring is locked')
  }
  const origin = originOf(t, {
    upstreams: [{ registry: server.host, url: server.url }],
    credentials: [{ find: failing }],
    onTrouble: ({ message }) => troubles.push(message),
  })
  await origin.describe(blobAt(server))
  await origin.describe(blobAt(server))
  t.is(asked, 1)
  t.deepEqual(troubles, ['the keyring is locked'])
})
