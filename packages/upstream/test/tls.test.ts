import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import type { HostLookup } from '../dist/index.js'
import { blobAt, fails, originOf, readAll, respond, serve } from './fixture.ts'
import { certificate, privateKey } from './fixture-tls.ts'

const loopback: HostLookup = async () => [{ address: '127.0.0.1', family: 4 }]
const tls = { tls: true }
const blobOf = (registry: string) => ({
  ...blobAt({ host: registry }),
  repository: { registry, name: 'library/demo' },
})

test('a registry with its own authority is reached with its ca', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, 'blob'), tls)
  const url = `https://registry.example:${server.port}`
  const upstreams = [{ registry: 'registry.example', url, ca: certificate }]
  const { body } = await originOf(t, { upstreams, lookup: loopback }).fetch(blobOf('registry.example'))
  t.is((await readAll(body)).toString(), 'blob')
})

test('a registry with its own authority is not reached without', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200), tls)
  const upstreams = [{ registry: 'registry.example', url: `https://registry.example:${server.port}` }]
  const origin = originOf(t, { upstreams, lookup: loopback })
  await fails(
    t,
    origin.fetch(blobOf('registry.example')),
    'unavailable',
    /self-signed certificate; .* configure its ca/,
  )
})

test('a certificate for another name is not taken', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200), tls)
  const url = `https://other.example:${server.port}`
  const upstreams = [{ registry: 'other.example', url, ca: certificate }]
  const origin = originOf(t, { upstreams, lookup: loopback })
  await fails(t, origin.fetch(blobOf('other.example')), 'unavailable', /does not match certificate/)
})

test('the authority of one registry vouches for no other', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, 'blob'), tls)
  const url = (host: string) => `https://${host}:${server.port}`
  const upstreams = [
    { registry: 'registry.example', url: url('registry.example'), ca: certificate },
    { registry: 'cdn.example', url: url('cdn.example') },
  ]
  const origin = originOf(t, { upstreams, lookup: loopback })
  await readAll((await origin.fetch(blobOf('registry.example'))).body)
  await fails(t, origin.fetch(blobOf('cdn.example')), 'unavailable', /certificate/)
})

test('from https nobody leads to http', async (t) => {
  const plain = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const server = await serve(t, (_, response) => respond(response, 307, { location: `${plain.url}/x` }), tls)
  const upstreams = [
    { registry: 'registry.example', url: `https://registry.example:${server.port}`, ca: certificate },
  ]
  await fails(
    t,
    originOf(t, { upstreams, lookup: loopback }).fetch(blobOf('registry.example')),
    'refused',
    /redirects to http:/,
  )
  t.is(plain.requests.length, 0)
})

test('from https to an upstream that is named with http is allowed', async (t) => {
  const plain = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const server = await serve(t, (_, response) => respond(response, 307, { location: `${plain.url}/x` }), tls)
  const upstreams = [
    { registry: 'registry.example', url: `https://registry.example:${server.port}`, ca: certificate },
    { registry: plain.host, url: plain.url },
  ]
  const { body } = await originOf(t, { upstreams, lookup: loopback }).fetch(blobOf('registry.example'))
  t.is((await readAll(body)).toString(), 'blob')
})

test('a token service next to a private registry is reached like the registry', async (t) => {
  const server = await serve(
    t,
    (request, response) => {
      if (request.url?.startsWith('/token')) respond(response, 200, {}, '{"token":"secret"}')
      else if (request.headers.authorization === 'Bearer secret') respond(response, 200, {}, 'blob')
      else
        respond(response, 401, {
          'www-authenticate': `Bearer realm="https://localhost:${server.port}/token"`,
        })
    },
    tls,
  )
  const url = `https://localhost:${server.port}`
  const upstreams = [
    { registry: 'registry.example', url, ca: certificate, username: 'node', password: 'secret' },
  ]
  t.is((await originOf(t, { upstreams, lookup: loopback }).describe(blobOf('registry.example'))).size, 4)
})

test('a token service without TLS is no match for a registry with', async (t) => {
  const server = await serve(
    t,
    (_, response) =>
      respond(response, 401, { 'www-authenticate': 'Bearer realm="http://registry.example/token"' }),
    tls,
  )
  const upstreams = [
    { registry: 'registry.example', url: `https://registry.example:${server.port}`, ca: certificate },
  ]
  const origin = originOf(t, { upstreams, lookup: loopback })
  await fails(t, origin.fetch(blobOf('registry.example')), 'refused', /not reached over https/)
})

test('a registry that asks for a client certificate gets the one of its settings, and others do not', async (t) => {
  const server = createServer(
    { cert: certificate, key: privateKey, ca: certificate, requestCert: true, rejectUnauthorized: true },
    (_, response) => respond(response, 200, {}, 'blob'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const settings = { registry: 'registry.example', url: `https://registry.example:${port}`, ca: certificate }
  const known = originOf(t, {
    upstreams: [{ ...settings, cert: certificate, key: privateKey }],
    lookup: loopback,
  })
  t.is((await known.describe(blobOf('registry.example'))).size, 4)
  const unknown = originOf(t, { upstreams: [settings], lookup: loopback })
  await fails(t, unknown.describe(blobOf('registry.example')), 'unavailable')
})
