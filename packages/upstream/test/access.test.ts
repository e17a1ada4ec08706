import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { AccessProbe, Digest } from '@shoal/content'
import test from 'ava'
import { blobAt, fails, originAt, readAll, repositoryAt, respond, serve } from './fixture.ts'

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const probe: AccessProbe = { kind: 'manifest', reference: 'latest' }
const tenant = { username: 'tenant', password: 'right' }

/** A registry that shows nothing but to the tenant and to the node itself. */
const privateRegistry = (t: Parameters<typeof serve>[0]) =>
  serve(t, ({ headers: { authorization } }, response) => {
    const known = [basic('tenant', 'right'), basic('node', 'p')].includes(authorization ?? '')
    if (known) respond(response, 200, { 'x-for': authorization }, 'blob')
    else respond(response, 401, { 'www-authenticate': 'Basic realm="x"' })
  })

test('what anybody gets is public', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, '{}'))
  t.is((await originAt(t, server).access.isPublic(repositoryAt(server), probe)).isAllowed, true)
})

test('what only this node’s credentials open is not public', async (t) => {
  const server = await privateRegistry(t)
  const { access } = originAt(t, server, { username: 'node', password: 'p' })
  t.is((await access.isPublic(repositoryAt(server), probe)).isAllowed, false)
})

test('what the registry said of the thing itself comes with the verdict', async (t) => {
  const digest = `sha256:${'a'.repeat(64)}`
  const headers = { 'docker-content-digest': digest, 'content-type': 'application/x; charset=utf-8' }
  const server = await serve(t, (_, response) => respond(response, 200, headers, 'manifest'))
  const { descriptor } = await originAt(t, server).access.isPublic(repositoryAt(server), probe)
  t.deepEqual(descriptor, { digest: digest as Digest, size: 8, mediaType: 'application/x' })
})

for (const [what, status, headers] of [
  ['does not say which digest it has', 200, {}],
  ['says one that is none', 200, { 'docker-content-digest': 'sha256:abc' }],
  ['has no HEAD', 405, { 'docker-content-digest': `sha256:${'a'.repeat(64)}` }],
] as const) {
  test(`a registry that ${what} has to be asked again`, async (t) => {
    const server = await serve(t, (_, response) => respond(response, status, headers, 'manifest'))
    const answer = await originAt(t, server).access.isPublic(repositoryAt(server), probe)
    t.deepEqual(answer, { isAllowed: true, descriptor: undefined })
  })
}

const whole: AccessProbe = { kind: 'manifest', reference: 'latest', isWhole: true }
const manifestDigest = `sha256:${createHash('sha256').update('manifest').digest('hex')}`

test('a manifest that is asked for whole comes with the verdict, in one request', async (t) => {
  const headers = { 'docker-content-digest': manifestDigest, 'content-type': 'application/x' }
  const server = await serve(t, (_, response) => respond(response, 200, headers, 'manifest'))
  const answer = await originAt(t, server).access.isPublic(repositoryAt(server), whole)
  t.is(Buffer.from(answer.manifest ?? []).toString(), 'manifest')
  const descriptor = { digest: manifestDigest as Digest, size: 8, mediaType: 'application/x' }
  t.deepEqual(answer.descriptor, descriptor)
  t.deepEqual(
    server.lines.map((line) => line.split(' ')[0]),
    ['GET'],
  )
})

test('so it does for a client, and from a registry that tells no digest', async (t) => {
  const server = await privateRegistry(t)
  const { access } = originAt(t, server)
  const answer = await access.admit(repositoryAt(server), whole, { credentials: tenant, lifetimeMs: 1_000 })
  t.is(Buffer.from(answer.manifest ?? []).toString(), 'blob')
  t.is(answer.descriptor?.digest, `sha256:${createHash('sha256').update('blob').digest('hex')}` as Digest)
})

test('a client that may not read it gets none of it', async (t) => {
  const server = await privateRegistry(t)
  const { access } = originAt(t, server)
  t.deepEqual(await access.isPublic(repositoryAt(server), whole), { isAllowed: false })
})

for (const [what, send] of [
  [
    'is not what the registry says',
    (response) => respond(response, 200, { 'docker-content-digest': `sha256:${'a'.repeat(64)}` }, 'manifest'),
  ],
  [
    'says a digest that is none',
    (response) => respond(response, 200, { 'docker-content-digest': 'a' }, '{}'),
  ],
  ['is larger than clients take', (response) => respond(response, 200, {}, 'x'.repeat(4 * 1024 * 1024 + 1))],
  [
    'is cut off',
    (response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.destroy())
    },
  ],
] satisfies [string, (response: ServerResponse) => void][]) {
  test(`a whole manifest that ${what} leaves the verdict alone`, async (t) => {
    const server = await serve(t, (_, response) => send(response))
    const answer = await originAt(t, server).access.isPublic(repositoryAt(server), whole)
    t.deepEqual(answer, { isAllowed: true, descriptor: undefined, manifest: undefined })
  })
}

test('unless the settings share them', async (t) => {
  const server = await privateRegistry(t)
  const { access } = originAt(t, server, { username: 'node', password: 'p', shared: true })
  t.is((await access.isPublic(repositoryAt(server), probe)).isAllowed, true)
})

test('a registry that does not answer gives no verdict', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 503))
  await fails(t, originAt(t, server).access.isPublic(repositoryAt(server), probe), 'unavailable')
  const missing = await serve(t, (_, response) => respond(response, 404))
  await fails(t, originAt(t, missing).access.isPublic(repositoryAt(missing), probe), 'not-found')
})

test('a client that the registry lets in reads the repository with its own credentials, for a while', async (t) => {
  const server = await privateRegistry(t)
  let now = 1_000_000
  const origin = originAt(t, server, { init: { now: () => now } })
  const repository = repositoryAt(server)
  await fails(t, origin.describe(blobAt(server)), 'unauthorized')
  t.is(
    (await origin.access.admit(repository, probe, { credentials: tenant, lifetimeMs: 60_000 })).isAllowed,
    true,
  )
  t.is((await readAll((await origin.fetch(blobAt(server))).body)).toString(), 'blob')
  now += 60_000
  await fails(t, origin.describe(blobAt(server)), 'unauthorized')
})

test('a client that the registry turns away opens nothing', async (t) => {
  const server = await privateRegistry(t)
  const origin = originAt(t, server)
  const credentials = { username: 'tenant', password: 'wrong' }
  t.is(
    (await origin.access.admit(repositoryAt(server), probe, { credentials, lifetimeMs: 60_000 })).isAllowed,
    false,
  )
  await fails(t, origin.describe(blobAt(server)), 'unauthorized')
})

test('what opens one repository opens no other', async (t) => {
  const server = await privateRegistry(t)
  const origin = originAt(t, server)
  await origin.access.admit(repositoryAt(server), probe, { credentials: tenant, lifetimeMs: 60_000 })
  const other = { ...blobAt(server), repository: repositoryAt(server, 'library/other') }
  await fails(t, origin.describe(other), 'unauthorized')
})

test('tokens of one client are not used for another', async (t) => {
  const tokens: (string | undefined)[] = []
  const server = await serve(t, (request, response) => {
    const { authorization, host } = request.headers
    if (request.url?.startsWith('/token')) {
      tokens.push(authorization)
      const user = authorization === basic('tenant', 'right') ? 'tenant' : 'nobody'
      respond(response, 200, {}, JSON.stringify({ token: user }))
    } else if (authorization === 'Bearer tenant') respond(response, 200, {}, 'blob')
    else respond(response, 401, { 'www-authenticate': `Bearer realm="http://${host}/token"` })
  })
  const { access } = originAt(t, server)
  const repository = repositoryAt(server)
  t.is((await access.admit(repository, probe, { credentials: tenant, lifetimeMs: 60_000 })).isAllowed, true)
  t.is((await access.isPublic(repository, probe)).isAllowed, false)
  const credentials = { username: 'tenant', password: 'wrong' }
  t.is((await access.admit(repository, probe, { credentials, lifetimeMs: 60_000 })).isAllowed, false)
  // A token that the registry does not take is asked for once more.
  t.deepEqual([...new Set(tokens)], [basic('tenant', 'right'), undefined, basic('tenant', 'wrong')])
})

test('a signed redirect that HEAD can’t follow was let in all the same', async (t) => {
  const storage = await serve(t, (_, response) => respond(response, 403))
  const server = await serve(t, (_, response) => respond(response, 307, { location: `${storage.url}/x` }))
  const { access } = originAt(t, server, {
    init: { upstreams: [{ registry: storage.host, url: storage.url }] },
  })
  t.is(
    (await access.isPublic(repositoryAt(server), { kind: 'blob', digest: blobAt(server).digest })).isAllowed,
    true,
  )
})
