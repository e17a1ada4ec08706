import { randomBytes } from 'node:crypto'
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
  unknownDigest,
} from './fixture.ts'

const bytes = patternOf(300_000)
const digest = digestOf(bytes)
const path = `/v2/library/app/blobs/${digest}`

function holding(): FakeContent {
  return new FakeContent().add(digest, goodItem(bytes))
}

test('GET gives the blob', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const { status, headers, body } = await shim.get(`${path}?ns=ghcr.io`)
  t.is(status, 200)
  t.is(digestOf(body), digest)
  t.like(headers, {
    'content-type': 'application/octet-stream',
    'content-length': '300000',
    'accept-ranges': 'bytes',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'cache-control': 'max-age=31536000',
    'oci-namespace': 'ghcr.io',
    'content-encoding': undefined,
    'transfer-encoding': undefined,
  })
})

test('asks the source for a blob in its repository', async (t) => {
  const shim = await startShim(t, { content: holding() })
  await shim.get(`${path}?ns=ghcr.io`)
  t.like(shim.content.opened[0], {
    kind: 'blob',
    digest,
    repository: { registry: 'ghcr.io', name: 'library/app' },
  })
})

test('HEAD gives the length without reading', async (t) => {
  const content = new FakeContent().add(digest, {
    ...goodItem(bytes),
    read: () => t.fail('it was read') as never,
  })
  const { status, headers, body } = await (await startShim(t, { content })).head(path)
  t.is(status, 200)
  t.like(headers, { 'content-length': '300000', 'accept-ranges': 'bytes' })
  t.is(body.length, 0)
})

for (const [range, start, end] of [
  ['bytes=500-1499', 500, 1500],
  ['bytes=299000-', 299_000, 300_000],
  ['bytes=-500', 299_500, 300_000],
  ['bytes=299999-900000', 299_999, 300_000],
  ['bytes=0-', 0, 300_000],
] as const) {
  test(`Range ${range} gives those bytes`, async (t) => {
    const { status, headers, body } = await (await startShim(t, { content: holding() })).get(path, {
      Range: range,
    })
    t.is(status, 206)
    t.like(headers, {
      'content-range': `bytes ${start}-${end - 1}/300000`,
      'content-length': String(end - start),
    })
    t.deepEqual(body, Buffer.from(bytes.subarray(start, end)))
  })
}

test('several ranges give the whole', async (t) => {
  const { status, body } = await (await startShim(t, { content: holding() })).get(path, {
    Range: 'bytes=0-1,5-6',
  })
  t.is(status, 200)
  t.is(body.length, 300_000)
})

for (const range of ['bytes=9-3', 'bytes=300000-', 'bytes=x']) {
  test(`Range ${range} gives 416 and says why`, async (t) => {
    const answer = await (await startShim(t, { content: holding() })).get(path, { Range: range })
    t.is(answer.status, 416)
    t.like(answer.headers, { 'content-range': 'bytes */300000', 'content-type': 'application/json' })
    t.like(errorOf(answer), { code: 'RANGE_INVALID', detail: { reason: 'invalid-range' } })
  })
}

test('an empty blob is whole, even when a range is asked for', async (t) => {
  const empty = new Uint8Array(0)
  const content = new FakeContent().add(digestOf(empty), goodItem(empty))
  const shim = await startShim(t, { content })
  const { status, headers } = await shim.get(`/v2/a/b/blobs/${digestOf(empty)}`, { Range: 'bytes=0-' })
  t.is(status, 200)
  t.is(headers['content-length'], '0')
})

test('If-None-Match of the same blob gives 304', async (t) => {
  const { status, body } = await (await startShim(t, { content: holding() })).get(path, {
    'If-None-Match': `"${digest}"`,
  })
  t.is(status, 304)
  t.is(body.length, 0)
})

test('a blob that nobody has is 404', async (t) => {
  const answer = await (await startShim(t)).get(`/v2/library/app/blobs/${unknownDigest}`)
  t.is(answer.status, 404)
  t.like(errorOf(answer), { code: 'BLOB_UNKNOWN', detail: { reason: 'not-found' } })
})

test('a source that gives nothing is 404', async (t) => {
  const content = new FakeContent().add(digest, { ...goodItem(new Uint8Array(0)), size: 300_000 })
  const answer = await (await startShim(t, { content })).get(path)
  t.is(answer.status, 404)
  t.is(errorOf(answer).code, 'BLOB_UNKNOWN')
})

test('a source that fails before its first byte is 404', async (t) => {
  const content = new FakeContent().add(digest, {
    ...goodItem(bytes),
    // biome-ignore lint/correctness/useYield: it fails before there is anything to yield
    read: async function* () {
      throw new Error('unreadable')
    },
  })
  const answer = await (await startShim(t, { content })).get(path)
  t.is(answer.status, 404)
  t.is(content.openCount, 0)
})

test('lets go of the content when it is served', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const served = shim.nextRequest()
  await shim.get(path)
  await served
  t.is(shim.content.openCount, 0)
})

test('logs the request', async (t) => {
  const shim = await startShim(t, { content: holding() })
  const served = shim.nextRequest()
  await shim.get(`${path}?ns=docker.io`, {
    'User-Agent': 'containerd/2.1.9',
    Authorization: 'Basic c2VjcmV0',
  })
  const event = await served
  t.like(event, {
    method: 'GET',
    path,
    route: 'blob',
    registry: 'docker.io',
    status: 200,
    bytes: 300_000,
    userAgent: 'containerd/2.1.9',
    outcome: 'complete',
    reason: undefined,
  })
  t.false(JSON.stringify(event).includes('c2VjcmV0'))
})

test('a push is refused', async (t) => {
  const shim = await startShim(t)
  const answer = await send(shim.port, { method: 'POST', path: '/v2/library/app/blobs/uploads/' })
  t.is(answer.status, 405)
  t.is(errorOf(answer).code, 'UNSUPPORTED')
})

test('a client that takes its time gets the bytes of a source that fills the same memory again', async (t) => {
  const pieceLength = 1024 * 1024
  const large = randomBytes(24 * pieceLength)
  const memory = Buffer.alloc(pieceLength)
  let given = 0
  const content = new FakeContent().add(digestOf(large), {
    ...goodItem(large),
    read: async function* () {
      for (let at = 0; at < large.length; at += pieceLength) {
        memory.set(large.subarray(at, at + pieceLength))
        given++
        yield memory
      }
    },
  })
  const shim = await startShim(t, { content })
  const { socket, received, ended } = await connectRaw(t, shim.port)
  socket.pause()
  socket.write(
    `GET /v2/library/app/blobs/${digestOf(large)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  )
  // After some pieces the connection takes no more until the client reads.
  while (given < 3) await new Promise((resolve) => setImmediate(resolve))
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  socket.resume()
  t.is(await ended, 'end')
  t.is(digestOf(splitRaw(received()).body), digestOf(large))
})
