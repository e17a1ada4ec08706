import type { AccessProbe } from '@shoal/content'
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
  t.true(await originAt(t, server).access.isPublic(repositoryAt(server), probe))
})

test('what only this node’s credentials open is not public', async (t) => {
  const server = await privateRegistry(t)
  const { access } = originAt(t, server, { username: 'node', password: 'p' })
  t.false(await access.isPublic(repositoryAt(server), probe))
})

test('unless the settings share them', async (t) => {
  const server = await privateRegistry(t)
  const { access } = originAt(t, server, { username: 'node', password: 'p', shared: true })
  t.true(await access.isPublic(repositoryAt(server), probe))
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
  t.true(await origin.access.admit(repository, probe, { credentials: tenant, lifetimeMs: 60_000 }))
  t.is((await readAll((await origin.fetch(blobAt(server))).body)).toString(), 'blob')
  now += 60_000
  await fails(t, origin.describe(blobAt(server)), 'unauthorized')
})

test('a client that the registry turns away opens nothing', async (t) => {
  const server = await privateRegistry(t)
  const origin = originAt(t, server)
  const credentials = { username: 'tenant', password: 'wrong' }
  t.false(await origin.access.admit(repositoryAt(server), probe, { credentials, lifetimeMs: 60_000 }))
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
  t.true(await access.admit(repository, probe, { credentials: tenant, lifetimeMs: 60_000 }))
  t.false(await access.isPublic(repository, probe))
  const credentials = { username: 'tenant', password: 'wrong' }
  t.false(await access.admit(repository, probe, { credentials, lifetimeMs: 60_000 }))
  // A token that the registry does not take is asked for once more.
  t.deepEqual([...new Set(tokens)], [basic('tenant', 'right'), undefined, basic('tenant', 'wrong')])
})

test('a signed redirect that HEAD can’t follow was let in all the same', async (t) => {
  const storage = await serve(t, (_, response) => respond(response, 403))
  const server = await serve(t, (_, response) => respond(response, 307, { location: `${storage.url}/x` }))
  const { access } = originAt(t, server, {
    init: { upstreams: [{ registry: storage.host, url: storage.url }] },
  })
  t.true(await access.isPublic(repositoryAt(server), { kind: 'blob', digest: blobAt(server).digest }))
})
