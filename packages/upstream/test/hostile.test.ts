import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import test from 'ava'
import type { HostLookup } from '../dist/index.js'
import {
  blobAt,
  fails,
  manifestAt,
  originAt,
  originOf,
  readAll,
  repositoryAt,
  respond,
  serve,
} from './fixture.ts'

const at = (registry: string) => ({ registry, name: 'library/demo' })

/** A resolver that knows a few names, and nothing of the real world. */
function names(table: Record<string, string>): HostLookup {
  return async (hostname) => {
    const address = table[hostname]
    if (address === undefined) throw Object.assign(new Error(`no ${hostname}`), { code: 'ENOTFOUND' })
    return [{ address, family: address.includes(':') ? 6 : 4 }]
  }
}

for (const address of [
  '10.0.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '::1',
  '::ffff:10.0.0.1',
  'fd00::1',
]) {
  test(`a registry whose name resolves to ${address} is refused`, async (t) => {
    const origin = originOf(t, { lookup: names({ 'registry.example': address }) })
    await fails(
      t,
      origin.resolve(at('registry.example'), 'latest'),
      'refused',
      /registry registry\.example resolves to the private address \S+; name it with --upstream registry\.example=<url>/,
    )
  })
}

for (const registry of [
  '10.0.0.1',
  '127.0.0.1:5000',
  '169.254.169.254',
  '[::1]',
  '[::ffff:a00:1]:5000',
  '0.0.0.0',
  '2130706433',
]) {
  test(`registry ${registry} is refused`, async (t) => {
    await fails(t, originOf(t, {}).resolve(at(registry), 'latest'), 'refused', /private address/)
  })
}

test('a refused registry is not dialled', async (t) => {
  const server = createServer()
  let dialled = 0
  server.on('connection', () => dialled++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const origin = originOf(t, { lookup: names({ 'registry.example': '127.0.0.1' }) })
  await fails(t, origin.resolve(at(`registry.example:${port}`), 'latest'), 'refused')
  await fails(t, origin.resolve(at(`127.0.0.1:${port}`), 'latest'), 'refused')
  t.is(dialled, 0)
})

test('a name that changes its mind gains nothing', async (t) => {
  const answers = ['10.0.0.1', '93.184.216.34']
  let asked = 0
  const lookup: HostLookup = async () => [{ address: answers[asked++] ?? '', family: 4 }]
  await fails(t, originOf(t, { lookup }).resolve(at('registry.example'), 'latest'), 'refused', /10\.0\.0\.1/)
  t.is(asked, 1)
})

test('a named upstream may be private', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const origin = originOf(t, {
    upstreams: [{ registry: 'registry.example', url: `http://registry.example:${server.port}` }],
    lookup: names({ 'registry.example': '127.0.0.1' }),
  })
  t.is((await origin.describe({ ...blobAt(server), repository: at('registry.example') })).size, 4)
})

for (const [target, message] of [
  [
    'https://internal.example/x',
    /leads to internal\.example, which resolves to the private address 10\.0\.0\.1/,
  ],
  ['https://169.254.169.254/latest/meta-data', /leads to 169\.254\.169\.254/],
  ['https://[::ffff:127.0.0.1]/x', /private address/],
  ['http://127.0.0.1:9/x', /name it with --upstream 127\.0\.0\.1:9=http/],
] as const) {
  test(`a redirect to ${target} is refused`, async (t) => {
    const server = await serve(t, (_, response) => respond(response, 307, { location: target }))
    const origin = originAt(t, server, { init: { lookup: names({ 'internal.example': '10.0.0.1' }) } })
    await fails(t, origin.fetch(blobAt(server)), 'refused', message)
  })
}

test('a redirect to a named upstream is followed', async (t) => {
  const storage = await serve(t, (_, response) => respond(response, 200, {}, 'blob'))
  const server = await serve(t, (_, response) =>
    respond(response, 307, { location: `${storage.url}/x?signature=y` }),
  )
  const origin = originAt(t, server, { init: { upstreams: [{ registry: storage.host, url: storage.url }] } })
  t.is((await readAll((await origin.fetch(blobAt(server))).body)).toString(), 'blob')
  t.deepEqual(storage.lines, ['GET /x?signature=y'])
})

test('redirects in a circle end', async (t) => {
  const server = await serve(t, (request, response) => respond(response, 302, { location: request.url }))
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed', /more than 5 redirects/)
  t.is(server.requests.length, 6)
})

test('a redirect without a target is malformed', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 307))
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed', /redirect to nowhere/)
})

test('a redirect with an endless body is followed', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.url === '/x') return respond(response, 200, {}, 'blob')
    response.writeHead(307, { location: '/x' })
    const send = () => {
      while (response.write(' '.repeat(65_536)));
    }
    response.on('drain', send)
    send()
  })
  t.is((await readAll((await originAt(t, server).fetch(blobAt(server))).body)).toString(), 'blob')
})

test('a redirect whose body stalls is followed', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.url === '/x') return respond(response, 200, {}, 'blob')
    response.writeHead(307, { location: '/x', 'content-length': 10 })
    response.write('12345')
  })
  t.is((await readAll((await originAt(t, server).fetch(blobAt(server))).body)).toString(), 'blob')
})

for (const [realm, message] of [
  ['https://169.254.169.254/token', /leads to 169\.254\.169\.254/],
  [
    'https://internal.example/token',
    /leads to internal\.example, which resolves to the private address 10\.0\.0\.1/,
  ],
  ['http://169.254.169.254/token', /not reached over https/],
  ['file:///etc/passwd', /not reached over https/],
  ['nonsense', /not a URL/],
] as const) {
  test(`a token service at ${realm} is refused`, async (t) => {
    const challenge = `Bearer realm="${realm}",service="x"`
    const server = await serve(t, (_, response) => respond(response, 401, { 'www-authenticate': challenge }))
    const origin = originAt(t, server, { init: { lookup: names({ 'internal.example': '10.0.0.1' }) } })
    await fails(t, origin.fetch(blobAt(server)), 'refused', message)
  })
}

for (const [why, body] of Object.entries({
  'no JSON': '<html>secret</html>',
  'no object': '"secret"',
  'no token': '{"refresh_token":"secret"}',
  'a token of another type': '{"token":{"secret":1}}',
  'a token that would end its header': '{"token":"secret\\r\\nx: y"}',
  'an endless token': `{"token":"${'secret'.repeat(20_000)}"}`,
})) {
  test(`a token service that answers with ${why} is malformed, and nothing of it shown`, async (t) => {
    const server = await serve(t, (request, response) => {
      if (request.url?.startsWith('/token')) return respond(response, 200, {}, body)
      return respond(response, 401, {
        'www-authenticate': `Bearer realm="http://${request.headers.host}/token"`,
      })
    })
    const error = await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed')
    t.notRegex(JSON.stringify([error.message, String(error.cause)]), /secret/)
  })
}

test('a token service that redirects is not followed with credentials', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.url?.startsWith('/token')) return respond(response, 302, { location: '/elsewhere' })
    return respond(response, 401, {
      'www-authenticate': `Bearer realm="http://${request.headers.host}/token"`,
    })
  })
  const origin = originAt(t, server, { username: 'node', password: 'secret' })
  await fails(t, origin.fetch(blobAt(server)), 'malformed', /302/)
  t.is(server.requests.length, 2)
})

test('a challenge that is garbage is unauthorized', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 401, { 'www-authenticate': '"=,,Bearer=' }),
  )
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'unauthorized')
})

test('a header line of 10 MB is malformed', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, { 'x-huge': 'a'.repeat(10_000_000) }))
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed', /Headers Overflow/)
})

test('what is not HTTP is malformed', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end('SSH-2.0-OpenSSH_9.2p1\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const origin = originOf(t, { upstreams: [{ registry: host, url: `http://${host}` }] })
  await fails(t, origin.fetch(blobAt({ host })), 'malformed', /does not speak HTTP/)
})

test('a manifest without end is malformed, and its connection closed', async (t) => {
  const ended = Promise.withResolvers<unknown>()
  const server = await serve(t, (_, response) => {
    ended.resolve(once(response, 'close'))
    const send = () => {
      while (response.write(' '.repeat(65_536)));
    }
    response.on('drain', send)
    send()
  })
  await fails(t, originAt(t, server).fetch(manifestAt(server)), 'malformed', /more than the 4194304 bytes/)
  await t.notThrowsAsync(ended.promise)
})

test('an error body without end does not delay the error', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(404)
    const send = () => {
      while (response.write(' '.repeat(65_536)));
    }
    response.on('drain', send)
    send()
  })
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'not-found', /status 404$/)
})

test('an error code that is no code is not repeated', async (t) => {
  const body = JSON.stringify({ errors: [{ code: 'x\n\u001b[31m'.repeat(1000) }] })
  const server = await serve(t, (_, response) => respond(response, 404, {}, body))
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'not-found', /status 404$/)
})

test('hints before the answer do not keep us waiting forever', async (t) => {
  const server = await serve(t, (_, response) => {
    const timer = setInterval(() => response.writeProcessing(), 10)
    response.on('close', () => clearInterval(timer))
  })
  const origin = originAt(t, server, { init: { answerTimeoutMs: 100 } })
  await fails(t, origin.resolve(repositoryAt(server), 'latest'), 'unavailable', /no answer within 100 ms/)
})
