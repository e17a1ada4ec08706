import { buffer } from 'node:stream/consumers'
import test from 'ava'
import { fails, originAt, originOf, repositoryAt, respond, serve } from './fixture.ts'

const bytes = Buffer.from('pushed bytes')
const put = {
  method: 'PUT',
  path: 'blobs/uploads/1',
  query: 'digest=sha256:x&state=y',
  headers: {
    'content-length': String(bytes.length),
    authorization: 'Basic bWluZTptaW5l',
    cookie: 'no',
    host: 'shim',
  },
}

async function* pieces() {
  yield bytes.subarray(0, 3)
  yield bytes.subarray(3)
}

test('a push goes as it came, as the client and not as this node', async (t) => {
  let received: Buffer | undefined
  const server = await serve(t, async (request, response) => {
    received = await buffer(request)
    respond(response, 201, {
      location: '/v2/library/demo/blobs/sha256:x',
      'docker-content-digest': 'sha256:x',
      'set-cookie': 'no',
    })
  })
  const { push } = originAt(t, server, { username: 'node', password: 'secret' })
  const answer = await push.forward(repositoryAt(server), { ...put, body: pieces() })
  t.deepEqual(received, bytes)
  t.deepEqual(server.lines, ['PUT /v2/library/demo/blobs/uploads/1?digest=sha256:x&state=y'])
  const headers = server.requests[0]?.headers ?? {}
  t.is(headers.authorization, put.headers.authorization)
  t.is(headers.cookie, undefined)
  t.is(headers.host, server.host)
  t.is(answer.status, 201)
  t.is(answer.headers['set-cookie'], undefined)
  t.deepEqual(answer.continuesAt, { path: 'blobs/sha256:x', query: '' })
})

test('a push does not go over a connection that the registry may have given up', async (t) => {
  const used = new WeakSet<object>()
  const server = await serve(t, async (request, response) => {
    // What a registry does whose idle time is over at the very moment that a request arrives.
    if (used.has(request.socket)) return void request.socket.destroy()
    used.add(request.socket)
    await buffer(request)
    respond(response, 201)
  })
  const { push } = originAt(t, server)
  for (const method of ['PUT', 'PATCH', 'DELETE', 'POST']) {
    const answer = await push.forward(repositoryAt(server), { ...put, method, body: pieces() })
    t.is(answer.status, 201)
  }
})

test('an upload that goes on elsewhere does not go on through us', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 202, { location: 'https://uploads.example/v2/library/demo/1' }),
  )
  const request = { ...put, method: 'POST', headers: { 'content-length': '0' }, body: pieces() }
  const answer = await originAt(t, server).push.forward(repositoryAt(server), request)
  t.is(answer.continuesAt, undefined)
  t.is(answer.headers.location, 'https://uploads.example/v2/library/demo/1')
})

test('a challenge is passed on, not answered', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 401, { 'www-authenticate': 'Basic realm="x"' }),
  )
  const { push } = originAt(t, server, { username: 'node', password: 'secret' })
  const answer = await push.forward(repositoryAt(server), {
    ...put,
    headers: {},
    method: 'DELETE',
    body: pieces(),
  })
  t.is(answer.status, 401)
  t.is(answer.headers['www-authenticate'], 'Basic realm="x"')
  t.is(server.requests.length, 1)
})

test('a push to a registry that nobody named does not reach a private address', async (t) => {
  const { push } = originOf(t, { lookup: async () => [{ address: '10.0.0.1', family: 4 }] })
  const repository = { registry: 'internal.example', name: 'a/b' }
  await fails(t, push.forward(repository, { ...put, body: pieces() }), 'refused', /private address/)
})
