import { once } from 'node:events'
import test from 'ava'
import {
  connectRaw,
  digestOf,
  errorOf,
  FakeContent,
  goodItem,
  patternOf,
  send,
  splitRaw,
  startShim,
} from './fixture.ts'

const bytes = patternOf(1000)
const path = `/v2/library/app/blobs/${digestOf(bytes)}`
const close = 'Connection: close\r\n'

function holding(): FakeContent {
  return new FakeContent().add(digestOf(bytes), goodItem(bytes))
}

for (const [target, status, code] of [
  ['/v2/library/app/blobs/sha256:baddigeststring', 400, 'DIGEST_INVALID'],
  ['/v2/library/../../etc/passwd/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/library/%2e%2e/%2e%2e/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/library/app%00/manifests/latest', 400, 'NAME_INVALID'],
  ['/v2/library/app/manifests/latest?ns=http://10.0.0.1/', 400, 'NAME_INVALID'],
  [`/v2/${'a'.repeat(5000)}/manifests/latest`, 414, 'NAME_INVALID'],
  ['/no/such/place', 404, 'UNSUPPORTED'],
] as const) {
  test(`${target.slice(0, 60)} is answered with ${status} and an OCI error`, async (t) => {
    const answer = await (await startShim(t)).get(target)
    t.is(answer.status, status)
    t.is(errorOf(answer).code, code)
    t.is(answer.headers['content-type'], 'application/json')
  })
}

test('the ping is answered', async (t) => {
  const { status, headers, body } = await (await startShim(t)).get('/v2/')
  t.is(status, 200)
  t.is(headers['docker-distribution-api-version'], 'registry/2.0')
  t.is(body.toString(), '{}')
})

test('the ping is answered to HEAD too', async (t) => {
  const { status, headers, body } = await (await startShim(t)).head('/v2/')
  t.is(status, 200)
  t.is(headers['content-length'], '2')
  t.is(body.length, 0)
})

test('a header line of 10 MB is answered with 431, while the client still sends', async (t) => {
  const shim = await startShim(t)
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(`GET /v2/ HTTP/1.1\r\nHost: shim\r\nX-Long: ${'x'.repeat(10_000_000)}`)
  t.is(await ended, 'end')
  const { head, body } = splitRaw(received())
  t.regex(head, /^HTTP\/1\.1 431 /)
  t.is(errorOf({ body }).detail.reason, 'headers-too-long')
})

test('a TLS hello at the plain port is answered in plain HTTP', async (t) => {
  const shim = await startShim(t)
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
  t.is(await ended, 'end')
  t.regex(received().toString(), /^HTTP\/1\.1 400 Bad Request\r\n/)
})

test('it goes on serving after bad input', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { socket, ended } = await connectRaw(t, shim.port)
  socket.write('nonsense\r\n\r\n')
  await ended
  t.is((await shim.get(path)).status, 200)
})

test('a push of 10 MB is answered with 405, while the client still sends', async (t) => {
  const shim = await startShim(t)
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write('PUT /v2/library/app/manifests/v1 HTTP/1.1\r\nHost: shim\r\nContent-Length: 10000000\r\n\r\n')
  socket.write(Buffer.alloc(10_000_000))
  t.is(await ended, 'end')
  const { head, body } = splitRaw(received())
  t.regex(head, /^HTTP\/1\.1 405 /)
  t.is(errorOf({ body }).code, 'UNSUPPORTED')
})

test('a push that asks first is refused without being told to go on', async (t) => {
  const shim = await startShim(t)
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write(
    `PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: shim\r\n${close}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`,
  )
  await ended
  t.regex(received().toString(), /^HTTP\/1\.1 405 /)
})

test('a small body on GET is dropped and the connection used again', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.write('GET /v2/ HTTP/1.1\r\nHost: shim\r\nContent-Length: 5\r\n\r\nhello')
  await once(socket, 'data')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: shim\r\n${close}\r\n`)
  t.is(await ended, 'end')
  t.true(received().subarray(-1000).equals(bytes))
})

test('pipelined requests are answered in order', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  const request = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: shim\r\n${more}\r\n`
  socket.write(request(path) + request('/v2/') + request('/none', close))
  t.is(await ended, 'end')
  t.deepEqual(
    received()
      .toString('latin1')
      .match(/HTTP\/1\.1 \d+/g),
    ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404'],
  )
})

test('a user agent of any length is logged in part', async (t) => {
  const shim = await startShim(t)
  const logged = shim.nextRequest()
  await send(shim.port, { method: 'GET', path: '/v2/', headers: { 'User-Agent': 'x'.repeat(10_000) } })
  t.is((await logged).userAgent.length, 128)
})
