import { randomBytes } from 'node:crypto'
import { InvalidInputError, maxManifestBytes } from '@shoal/content'
import test from 'ava'
import {
  blobAt,
  fails,
  manifestAt,
  originAt,
  readAll,
  repositoryAt,
  respond,
  respondWith,
  serve,
  sha256,
} from './fixture.ts'

const bytes = randomBytes(300_000)

test('fetches a blob whole', async (t) => {
  const server = await serve(t, (request, response) => respondWith(bytes, request.headers.range, response))
  const address = blobAt(server, bytes)
  const { size, range, mediaType, body } = await originAt(t, server).fetch(address)
  t.is(size, bytes.length)
  t.deepEqual(range, { start: 0, end: bytes.length })
  t.is(mediaType, 'application/x-layer')
  t.deepEqual(await readAll(body), bytes)
  t.deepEqual(server.lines, [`GET /v2/library/demo/blobs/${address.digest}`])
})

test('gives memory back as a reader that borrows asks for the next piece, and leaves it to any other', async (t) => {
  const server = await serve(t, (request, response) => respondWith(bytes, request.headers.range, response))
  const freedOf = async (borrow: boolean) => {
    const { body } = await originAt(t, server).fetch(blobAt(server, bytes), { borrow })
    const pieces: Uint8Array[] = []
    const copies: Uint8Array[] = []
    for await (const piece of body) {
      pieces.push(piece)
      copies.push(Buffer.from(piece))
    }
    t.deepEqual(Buffer.concat(copies), bytes)
    return pieces.filter(({ length }) => length === 0).length
  }
  t.true((await freedOf(true)) > 0)
  t.is(await freedOf(false), 0)
})

test('fetches a range, and knows the size of the whole', async (t) => {
  const server = await serve(t, (request, response) => respondWith(bytes, request.headers.range, response))
  const content = await originAt(t, server).fetch(blobAt(server), { range: { start: 1000, end: 2000 } })
  t.is(server.requests[0]?.headers.range, 'bytes=1000-1999')
  t.deepEqual([content.size, content.range], [bytes.length, { start: 1000, end: 2000 }])
  t.deepEqual(await readAll(content.body), bytes.subarray(1000, 2000))
})

test('a range beyond the end comes as far as the content goes', async (t) => {
  const server = await serve(t, (request, response) => respondWith(bytes, request.headers.range, response))
  const content = await originAt(t, server).fetch(blobAt(server), { range: { start: 299_999, end: 400_000 } })
  t.deepEqual(content.range, { start: 299_999, end: 300_000 })
  t.is((await readAll(content.body)).length, 1)
})

test('an origin that ignores ranges gives the whole', async (t) => {
  const server = await serve(t, (_, response) => respondWith(bytes, undefined, response))
  const content = await originAt(t, server).fetch(blobAt(server), { range: { start: 1000, end: 2000 } })
  t.deepEqual(content.range, { start: 0, end: bytes.length })
  t.deepEqual(await readAll(content.body), bytes)
})

test('asks for content as it was pushed', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, {}, '{}'))
  const origin = originAt(t, server, { init: { userAgent: 'shoal/1.2.3' } })
  await readAll((await origin.fetch(manifestAt(server))).body)
  const headers = server.requests[0]?.headers
  t.is(headers?.['accept-encoding'], 'identity')
  t.regex(headers?.accept ?? '', /application\/vnd\.oci\.image\.index\.v1\+json.*\*\/\*/)
  t.is(headers?.['user-agent'], 'shoal/1.2.3')
})

test('an empty blob is empty', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200))
  const { size, body } = await originAt(t, server).fetch(blobAt(server))
  t.is(size, 0)
  t.is((await readAll(body)).length, 0)
})

test('a manifest without a length is measured', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })
    response.write('{"a":')
    response.end('1}')
  })
  const { size, range, body } = await originAt(t, server).fetch(manifestAt(server))
  t.deepEqual([size, range], [7, { start: 0, end: 7 }])
  t.is((await readAll(body)).toString(), '{"a":1}')
})

test('a blob without a length is measured by HEAD', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') return respond(response, 200, { 'content-length': bytes.length })
    response.writeHead(200)
    response.write(bytes.subarray(0, 1000))
    response.end(bytes.subarray(1000))
  })
  const { size, body } = await originAt(t, server).fetch(blobAt(server))
  t.is(size, bytes.length)
  t.deepEqual(await readAll(body), bytes)
})

test('a blob whose length nobody knows is refused', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200)
    response.write('x')
    response.end()
  })
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed', /size is unknown/)
})

for (const [why, header] of Object.entries({
  'another range': 'bytes 0-999/300000',
  'a longer range': 'bytes 1000-2000/300000',
  'a shorter range': 'bytes 1000-1500/300000',
  'a range beyond its own size': 'bytes 1000-1999/1500',
  'no range': '',
  garbage: 'bytes x-y/z',
})) {
  test(`206 with ${why} is malformed`, async (t) => {
    const server = await serve(t, (_, response) => respond(response, 206, { 'content-range': header }, 'x'))
    const range = { start: 1000, end: 2000 }
    await fails(t, originAt(t, server).fetch(blobAt(server), { range }), 'malformed', /Content-Range/)
  })
}

test('206 without a question for a range is malformed', async (t) => {
  const server = await serve(t, (_, response) =>
    respond(response, 206, { 'content-range': 'bytes 0-0/1' }, 'x'),
  )
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed', /206/)
})

test('416 is malformed', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 416, { 'content-range': 'bytes */5' }))
  await fails(
    t,
    originAt(t, server).fetch(blobAt(server), { range: { start: 5, end: 6 } }),
    'malformed',
    /416/,
  )
})

test('a range of unknown size is measured by HEAD', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') respond(response, 200, { 'content-length': bytes.length })
    else respondWith(bytes, request.headers.range, response, '*')
  })
  const content = await originAt(t, server).fetch(blobAt(server), { range: { start: 0, end: 10 } })
  t.is(content.size, bytes.length)
  t.is((await readAll(content.body)).length, 10)
})

test('a range beyond the size that HEAD tells is malformed', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.method === 'HEAD') respond(response, 200, { 'content-length': 5 })
    else respondWith(bytes, request.headers.range, response, '*')
  })
  const call = originAt(t, server).fetch(blobAt(server), { range: { start: 0, end: 10 } })
  await fails(t, call, 'malformed', /beyond the 5 bytes/)
})

for (const range of [
  { start: 5, end: 5 },
  { start: 5, end: 4 },
  { start: -1, end: 4 },
  { start: 0, end: Number.NaN },
  { start: 0.5, end: 4 },
]) {
  test(`bytes ${range.start} to ${range.end} are not asked for`, async (t) => {
    const server = await serve(t, (_, response) => respond(response, 200))
    const call = originAt(t, server).fetch(blobAt(server), { range })
    await t.throwsAsync(call, { instanceOf: InvalidInputError, code: 'RANGE_INVALID' })
    t.is(server.requests.length, 0)
  })
}

test('a compressed answer is malformed', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200, { 'content-encoding': 'br' }, 'x'))
  await fails(t, originAt(t, server).fetch(blobAt(server)), 'malformed', /Content-Encoding br/)
})

test('many blobs come at once', async (t) => {
  const server = await serve(t, (request, response) => respondWith(bytes, request.headers.range, response))
  const origin = originAt(t, server)
  const ranges = Array.from({ length: 100 }, (_, index) => ({ start: index * 3000, end: (index + 1) * 3000 }))
  const parts = await Promise.all(
    ranges.map(async (range) => readAll((await origin.fetch(blobAt(server), { range })).body)),
  )
  t.deepEqual(Buffer.concat(parts), bytes)
})

test('connections are kept, and no more than allowed', async (t) => {
  const sockets = new Set<unknown>()
  const server = await serve(t, (request, response) => {
    sockets.add(request.socket)
    respondWith(bytes, request.headers.range, response)
  })
  const origin = originAt(t, server, { init: { maxConnections: 2 } })
  const fetchAll = async () => readAll((await origin.fetch(blobAt(server))).body)
  await Promise.all(Array.from({ length: 10 }, fetchAll))
  t.is(sockets.size, 2)
})

test('a manifest that is too large is refused before it is read', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': maxManifestBytes + 1 })
    response.write('{')
  })
  await fails(t, originAt(t, server).fetch(manifestAt(server)), 'malformed', /at most 4194304/)
})

test('names, tags and digests that are none are not asked for', async (t) => {
  const server = await serve(t, (_, response) => respond(response, 200))
  const origin = originAt(t, server)
  const digest = sha256(bytes)
  await t.throwsAsync(origin.resolve(repositoryAt(server, '../../admin'), 'latest'), { code: 'NAME_INVALID' })
  await t.throwsAsync(origin.resolve(repositoryAt(server), '../x'), { code: 'TAG_INVALID' })
  const address = {
    repository: repositoryAt(server),
    kind: 'blob',
    digest: `${digest}/../x` as typeof digest,
  } as const
  await t.throwsAsync(origin.fetch(address), { code: 'DIGEST_INVALID' })
  t.is(server.requests.length, 0)
})
