import { maxManifestBytes, mediaTypes } from '@shoal/content'
import test from 'ava'
import { blobAt, fails, manifestAt, originAt, repositoryAt, respond, serve, sha256 } from './fixture.ts'

const manifest = '{"schemaVersion":2}'
const digest = sha256(Buffer.from(manifest))
const described = {
  'docker-content-digest': digest,
  'content-length': manifest.length,
  'content-type': `${mediaTypes.ociIndex}; charset=utf-8`,
}

test('a tag is resolved by one HEAD', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, described))
  const descriptor = await originAt(t, server).resolve(repositoryAt(server), 'latest')
  t.deepEqual(descriptor, { digest, size: manifest.length, mediaType: mediaTypes.ociIndex })
  t.deepEqual(server.lines, ['HEAD /v2/library/demo/manifests/latest'])
  t.regex(server.requests[0]?.headers.accept ?? '', /docker\.distribution\.manifest\.list/)
})

for (const missing of ['docker-content-digest', 'content-length']) {
  test(`a HEAD without ${missing} is followed by a GET that measures`, async (t) => {
    const server = await serve(t, (request, response) => {
      if (request.method === 'GET')
        return respond(response, 200, { 'content-type': mediaTypes.ociIndex }, manifest)
      const headers = Object.entries(described).filter(([name]) => name !== missing)
      response.writeHead(200, Object.fromEntries(headers))
      response.end()
    })
    const descriptor = await originAt(t, server).resolve(repositoryAt(server), 'latest')
    t.deepEqual(descriptor, { digest, size: manifest.length, mediaType: mediaTypes.ociIndex })
  })
}

test('an origin without HEAD is asked by GET', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') respond(response, 405)
    else respond(response, 200, { 'content-type': mediaTypes.ociManifest }, manifest)
  })
  const origin = originAt(t, server)
  const expected = { digest, size: manifest.length, mediaType: mediaTypes.ociManifest }
  t.deepEqual(await origin.resolve(repositoryAt(server), 'latest'), expected)
  t.deepEqual(await origin.describe(manifestAt(server, Buffer.from(manifest))), expected)
})

test('a digest that is none is malformed', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 200, { ...described, 'docker-content-digest': 'sha256:../../x' }),
  )
  await fails(
    t,
    originAt(t, server).resolve(repositoryAt(server), 'latest'),
    'malformed',
    /Docker-Content-Digest/,
  )
})

test('a body that is not what its digest says is malformed', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') respond(response, 405)
    else respond(response, 200, { 'docker-content-digest': sha256(Buffer.from('other')) }, manifest)
  })
  await fails(t, originAt(t, server).resolve(repositoryAt(server), 'latest'), 'malformed', /digest/)
})

test('a manifest that no client would take is malformed', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 200, { ...described, 'content-length': maxManifestBytes + 1 }),
  )
  const origin = originAt(t, server)
  await fails(t, origin.resolve(repositoryAt(server), 'latest'), 'malformed', /at most/)
  await fails(t, origin.describe(manifestAt(server)), 'malformed', /at most/)
})

test('a blob is described by one HEAD', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, { 'content-length': 2 ** 33 }))
  const address = blobAt(server)
  const descriptor = await originAt(t, server).describe(address)
  t.deepEqual(descriptor, { digest: address.digest, size: 2 ** 33, mediaType: 'application/octet-stream' })
  t.deepEqual(server.lines, [`HEAD /v2/library/demo/blobs/${address.digest}`])
})

for (const status of [403, 405]) {
  test(`a blob whose HEAD answers ${status} is described by its first byte`, async (t) => {
    const server = await serve(t, (request, response) => {
      if (request.method === 'HEAD') respond(response, status)
      else respond(response, 206, { 'content-range': 'bytes 0-0/12345' }, 'x')
    })
    t.is((await originAt(t, server).describe(blobAt(server))).size, 12_345)
    t.is(server.requests[1]?.headers.range, 'bytes=0-0')
  })
}

test('a blob of which nothing tells the size is malformed', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200)
    response.write('x')
    response.end()
  })
  await fails(t, originAt(t, server).describe(blobAt(server)), 'malformed', /size is unknown/)
})

test('content that is not there is not found', async (t) => {
  const body = '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
  const server = await serve(t, (_, response) => respond(response, 404, {}, body))
  const origin = originAt(t, server)
  await fails(t, origin.describe(blobAt(server)), 'not-found', /status 404$/)
  await fails(t, origin.resolve(repositoryAt(server), 'latest'), 'not-found')
  const message =
    /^manifest sha256:\w+ of library\/demo: registry 127\.0\.0\.1:\d+ does not have it: status 404 MANIFEST_UNKNOWN$/
  await fails(t, origin.fetch(manifestAt(server)), 'not-found', message)
})
