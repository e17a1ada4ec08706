import { once } from 'node:events'
import { request } from 'node:http'
import {
  type Origin,
  OriginError,
  type OriginPush,
  type PushAnswer,
  type PushRequest,
  type Repository,
} from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import {
  digestOf,
  errorOf,
  FakeContent,
  fakeOrigin,
  goodItem,
  makeManifest,
  patternOf,
  send,
  startShim,
} from './fixture.ts'

interface Forwarded extends Omit<PushRequest, 'body'> {
  readonly repository: Repository
  readonly body: Buffer
}

async function lab(t: ExecutionContext, answer: Partial<PushAnswer> = {}, content = new FakeContent()) {
  const forwarded: Forwarded[] = []
  const push: OriginPush = {
    forward: async (repository, { body, ...rest }) => {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      forwarded.push({ ...rest, repository, body: Buffer.concat(pieces) })
      return { status: 202, headers: {}, body: new Uint8Array(), ...answer }
    },
  }
  return { forwarded, shim: await startShim(t, { push, content }) }
}

/** Sends a request with a body. */
async function write(port: number, method: string, path: string, body: Uint8Array, headers = {}) {
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  return { status: response.statusCode as number, headers: response.headers, body: Buffer.concat(pieces) }
}

for (const [method, path] of [
  ['POST', '/v2/org/app/blobs/uploads/'],
  ['PUT', '/v2/org/app/manifests/v1'],
  ['DELETE', `/v2/org/app/blobs/${digestOf(patternOf(1))}`],
  ['PATCH', '/v2/org/app/blobs/uploads/1'],
] as const) {
  test(`without passthrough, ${method} is 405 UNSUPPORTED`, async (t) => {
    const shim = await startShim(t)
    const answer = await send(shim.port, { method, path })
    t.is(answer.status, 405)
    t.is(errorOf(answer).code, 'UNSUPPORTED')
    t.is(answer.headers.allow, 'GET, HEAD')
  })
}

test('a push goes to its upstream as it came, with the client’s own authorization', async (t) => {
  const { forwarded, shim } = await lab(t)
  const bytes = Buffer.from(patternOf(3_000_000))
  const path = '/v2/org/app/blobs/uploads/abc%3Ddef?state=x&ns=quay.io'
  const { status } = await write(shim.port, 'PATCH', path, bytes, {
    authorization: 'Bearer mine',
    'content-range': '0-2',
  })
  t.is(status, 202)
  t.is(forwarded.length, 1)
  const [{ repository, method, path: at, query, headers, body } = {} as Forwarded] = forwarded
  t.deepEqual(repository, { registry: 'quay.io', name: 'org/app' })
  t.deepEqual([method, at, query], ['PATCH', 'blobs/uploads/abc%3Ddef', 'state=x'])
  t.is(headers.authorization, 'Bearer mine')
  t.true(body.equals(bytes))
})

test('an upload goes on through here, at the same upstream', async (t) => {
  const continuesAt = { path: 'blobs/uploads/1', query: 'state=y' }
  const { shim } = await lab(t, { headers: { location: '/v2/org/app/blobs/uploads/1?state=y' }, continuesAt })
  const { headers } = await write(shim.port, 'POST', '/v2/org/app/blobs/uploads/?ns=quay.io', Buffer.alloc(0))
  t.is(headers.location, '/v2/org/app/blobs/uploads/1?state=y&ns=quay.io')
})

for (const [name, path, from] of [
  ['path', '/v2/quay.io/org/app/blobs/uploads/?mount=m&from=quay.io%2Forg%2Fbase', 'org/base'],
  ['ns', '/v2/org/app/blobs/uploads/?mount=m&from=org%2Fbase&ns=quay.io', 'org/base'],
  ['Docker Hub', '/v2/org/app/blobs/uploads/?mount=m&from=busybox', 'library/busybox'],
] as const) {
  test(`a blob is mounted from a repository by its name upstream, where ${name} tells the upstream`, async (t) => {
    const { forwarded, shim } = await lab(t)
    await write(shim.port, 'POST', path, Buffer.alloc(0))
    const query = new URLSearchParams(forwarded[0]?.query)
    t.deepEqual(
      [...query],
      [
        ['mount', 'm'],
        ['from', from],
      ],
    )
  })
}

test('a blob that would be mounted from another registry is uploaded', async (t) => {
  const { forwarded, shim } = await lab(t)
  const path = '/v2/quay.io/org/app/blobs/uploads/?mount=m&from=ghcr.io%2Forg%2Fbase'
  const { status } = await write(shim.port, 'POST', path, Buffer.alloc(0))
  t.is(status, 202)
  t.is(forwarded[0]?.query, '')
})

test('an upload elsewhere is for the client to follow', async (t) => {
  const { shim } = await lab(t, { headers: { location: 'https://uploads.example/1' } })
  const { headers } = await write(shim.port, 'POST', '/v2/org/app/blobs/uploads/', Buffer.alloc(0))
  t.is(headers.location, 'https://uploads.example/1')
})

test('a challenge and a refusal are the registry’s own', async (t) => {
  const refused = {
    status: 401,
    headers: { 'www-authenticate': 'Bearer realm="https://auth.example/token"' },
    body: Buffer.from('{"errors":[{"code":"UNAUTHORIZED"}]}'),
  }
  const { shim } = await lab(t, refused)
  const { status, headers, body } = await write(
    shim.port,
    'POST',
    '/v2/org/app/blobs/uploads/',
    Buffer.alloc(0),
  )
  t.is(status, 401)
  t.is(headers['www-authenticate'], refused.headers['www-authenticate'])
  t.deepEqual(body, refused.body)
})

test('what the registry took is fetched at once, so that the swarm has it', async (t) => {
  const bytes = patternOf(500)
  const content = new FakeContent().add(digestOf(bytes), goodItem(bytes))
  const { shim } = await lab(t, { status: 201 }, content)
  await write(shim.port, 'PUT', `/v2/org/app/blobs/uploads/1?digest=${digestOf(bytes)}`, Buffer.from(bytes))
  t.like(content.opened[0], { kind: 'blob', digest: digestOf(bytes), repository: { name: 'org/app' } })
})

test('what was pushed under a tag is what the tag gives next', async (t) => {
  const { shim } = await lab(t, { status: 201 })
  t.is((await shim.get('/v2/org/app/manifests/v1')).status, 404)
  await write(shim.port, 'PUT', '/v2/org/app/manifests/v1', Buffer.from('{}'))
  shim.events.length = 0
  await shim.get('/v2/org/app/manifests/v1')
  t.like(shim.events.at(-1), { type: 'request', status: 404, reason: 'not-found' })
})

test('once something is deleted, the registry is asked anew for all of the repository', async (t) => {
  for (const status of [202, 404]) {
    const manifest = makeManifest()
    const content = new FakeContent().add(manifest.digest, goodItem(manifest.bytes))
    const layer = patternOf(1000)
    content.add(digestOf(layer), goodItem(layer))
    let isThere = true
    const describe: Origin['describe'] = async ({ digest }) => {
      if (!isThere) throw new OriginError('not-found', 'it was deleted')
      return { digest, size: manifest.bytes.length, mediaType: 'x/y' }
    }
    const push: OriginPush = { forward: async () => ({ status, headers: {}, body: new Uint8Array() }) }
    const shim = await startShim(t, { push, content, origin: fakeOrigin({ describe }), vouch: false })
    const paths = [`manifests/${manifest.digest}`, `blobs/${digestOf(layer)}`]
    for (const path of paths) t.is((await shim.get(`/v2/org/app/${path}`)).status, 200)
    isThere = false
    await write(shim.port, 'DELETE', `/v2/org/app/manifests/${manifest.digest}`, Buffer.alloc(0))
    for (const path of paths) t.is((await shim.get(`/v2/org/app/${path}`)).status, 404)
  }
})

test('a registry that can’t be reached is a 404 with its reason', async (t) => {
  const push: OriginPush = { forward: () => Promise.reject(new OriginError('unavailable', 'it is down')) }
  const shim = await startShim(t, { push })
  const answer = await write(shim.port, 'PUT', '/v2/org/app/manifests/v1', Buffer.from('{}'))
  t.is(answer.status, 404)
  t.like(errorOf(answer), { code: 'NAME_UNKNOWN', detail: { reason: 'unavailable' } })
})

test('a pull is still a pull', async (t) => {
  const bytes = patternOf(500)
  const content = new FakeContent().add(digestOf(bytes), goodItem(bytes))
  const { forwarded, shim } = await lab(t, {}, content)
  t.is((await shim.get(`/v2/org/app/blobs/${digestOf(bytes)}`)).status, 200)
  t.deepEqual(forwarded, [])
})
