import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { type AdminServer, startAdminServer } from '../dist/admin-server.js'
import type { AgentState, AgentStatus } from '../dist/agent-status.js'
import { createMetrics } from '../dist/metrics.js'

const status: AgentStatus = {
  version: '1.2.3',
  state: 'ready',
  peer: 'me',
  addresses: ['/ip4/127.0.0.1/tcp/1'],
  peers: ['you'],
  transfers: { fromUpstream: 1, fromPeers: 2, fromCache: 3, servedToPeers: 4 },
  downloads: [],
}

async function start(
  t: ExecutionContext,
  state: AgentState = 'ready',
): Promise<AdminServer & { url: string }> {
  const metrics = createMetrics(() => 7).registry
  const server = await startAdminServer(
    { status: () => ({ ...status, state }), canaries: () => [], metrics },
    '127.0.0.1:0',
  )
  t.teardown(() => server.stop())
  return { ...server, url: `http://127.0.0.1:${server.address.port}` }
}

/** Sends bytes as they are and returns everything that comes back until the server ends the connection. */
async function raw({ address }: AdminServer, request: string): Promise<string> {
  const socket = connect(address.port, address.host)
  socket.write(request)
  return text(socket)
}

const errorOf = async (response: Response) => {
  const { errors } = (await response.json()) as { errors: { code: string }[] }
  return errors.map(({ code }) => code)
}

test('a live agent says ok', async (t) => {
  const { url } = await start(t, 'starting')
  const response = await fetch(`${url}/healthz`)
  t.deepEqual([response.status, await response.text()], [200, 'ok\n'])
})

for (const [state, expected] of [
  ['starting', 503],
  ['ready', 200],
  ['stopping', 503],
] as const) {
  test(`an agent that is ${state} answers /readyz with ${expected}`, async (t) => {
    const { url } = await start(t, state)
    const response = await fetch(`${url}/readyz`)
    t.deepEqual([response.status, await response.text()], [expected, `${state}\n`])
  })
}

test('the status is JSON', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/api/v1/status?pretty`)
  t.is(response.headers.get('content-type'), 'application/json')
  t.deepEqual(await response.json(), status)
})

test('metrics are in the text format of Prometheus', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/metrics`)
  t.regex(response.headers.get('content-type') ?? '', /^text\/plain; version=/)
  t.true((await response.text()).includes('\nshoal_peers_connected 7\n'))
})

test('HEAD has the headers of GET and no body', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/healthz`, { method: 'HEAD' })
  t.deepEqual([response.headers.get('content-length'), await response.text()], ['3', ''])
})

test('an unknown resource is 404 with a JSON error', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/nothing`)
  t.is(response.status, 404)
  t.deepEqual(await errorOf(response), ['NOT_FOUND'])
})

test('a name that every object has is no resource', async (t) => {
  const server = await start(t)
  t.regex(
    await raw(server, 'GET constructor HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1\.1 40/,
  )
})

test('any other method is 405 and told what is allowed', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) })
  t.deepEqual([response.status, response.headers.get('allow')], [405, 'GET, HEAD'])
  t.deepEqual(await errorOf(response), ['METHOD_NOT_ALLOWED'])
})

test('headers beyond the limit are refused with 431', async (t) => {
  const server = await start(t)
  const answer = await raw(server, `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`)
  t.regex(answer, /^HTTP\/1\.1 431 .*"headers over 8192 bytes"/s)
})

test('what is not HTTP is refused with 400', async (t) => {
  const server = await start(t)
  t.regex(await raw(server, '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'), /^HTTP\/1\.1 400 .*"malformed request"/s)
})

test('stopping twice is as good as once', async (t) => {
  const server = await start(t)
  await Promise.all([server.stop(), server.stop()])
  await t.throwsAsync(fetch(`${server.url}/healthz`))
})

test('a port that is taken is an error of the start', async (t) => {
  const { address } = await start(t)
  await t.throwsAsync(
    startAdminServer(
      { status: () => status, canaries: () => [], metrics: createMetrics(() => 0).registry },
      `127.0.0.1:${address.port}`,
    ),
    { code: 'EADDRINUSE' },
  )
})
