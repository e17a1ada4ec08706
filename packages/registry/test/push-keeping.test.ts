import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import type { OriginPush, PushAnswer } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { digestOf, FakeContent, makeManifest, patternOf, startShim } from './fixture.ts'
import { MemoryUploads } from './memory-uploads.ts'

const uploadPath = 'blobs/uploads/1'

/** A registry that takes what comes, or answers what `answers` has for a method. */
async function lab(t: ExecutionContext, answers: Partial<Record<string, Partial<PushAnswer>>> = {}) {
  const received: Buffer[] = []
  const push: OriginPush = {
    forward: async (_repository, { method, body, query }) => {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      received.push(Buffer.concat(pieces))
      const digest = new URLSearchParams(query).get('digest')
      const given = answers[method] ?? {}
      if (given.status === 0) throw new Error('cut off')
      const usual = method === 'PUT' || digest !== null ? { status: 201 } : { status: 202, continuesAt }
      return { headers: {}, body: new Uint8Array(), ...usual, ...given }
    },
  }
  const continuesAt = { path: uploadPath, query: '' }
  const uploads = new MemoryUploads()
  const content = new FakeContent()
  const shim = await startShim(t, { push, uploads, content })
  const write = async (method: string, path: string, body: Uint8Array, headers = {}) => {
    const at = { host: '127.0.0.1', port: shim.port, method, path: `/v2/org/app/${path}`, headers }
    const outgoing = request({ ...at, agent: false }).end(body)
    const [response] = await once(outgoing, 'response')
    response.resume()
    await once(response, 'end')
    return response.statusCode as number
  }
  return { uploads, received, content, write, shim }
}

const bytes = Buffer.from(patternOf(1_500_000))
const digest = digestOf(bytes)
const nothing = Buffer.alloc(0)

test('an upload in pieces is kept when the registry has taken it', async (t) => {
  const { uploads, write, content } = await lab(t)
  await write('POST', 'blobs/uploads/', nothing)
  await write('PATCH', uploadPath, bytes.subarray(0, 1_000_000), { 'content-range': '0-999999' })
  await write('PATCH', uploadPath, bytes.subarray(1_000_000), { 'content-range': '1000000-1499999' })
  t.deepEqual(uploads.committed, [])
  t.is(await write('PUT', `${uploadPath}?digest=${digest}`, nothing), 201)
  t.like(uploads.committed[0]?.descriptor, { digest, size: bytes.length })
  t.true(uploads.committed[0]?.bytes.equals(bytes))
  t.deepEqual(content.opened, [])
  t.is(uploads.open, 0)
})

test('so is one that comes with its end, or all in one request', async (t) => {
  const { uploads, write } = await lab(t)
  await write('POST', 'blobs/uploads/', nothing)
  await write('PUT', `${uploadPath}?digest=${digest}`, bytes)
  await write('POST', `blobs/uploads/?digest=${digest}`, bytes)
  t.deepEqual(
    uploads.committed.map((kept) => kept.bytes.equals(bytes)),
    [true, true],
  )
})

test('a manifest is kept with its type', async (t) => {
  const manifest = makeManifest()
  const headers = { 'docker-content-digest': manifest.digest }
  const { uploads, write } = await lab(t, { PUT: { headers } })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  await write('PUT', 'manifests/v1', manifest.bytes, { 'content-type': mediaType })
  const { digest, bytes } = manifest
  t.deepEqual(uploads.committed[0]?.descriptor, { digest, size: bytes.length, mediaType })
})

test('what the registry refuses, or takes under another digest, is not kept', async (t) => {
  for (const answer of [
    { status: 400 },
    { headers: { 'docker-content-digest': digestOf(nothing) } },
    { status: 0 },
  ]) {
    const { uploads, write } = await lab(t, { PUT: answer })
    await write('POST', 'blobs/uploads/', nothing)
    await write('PATCH', uploadPath, bytes)
    await write('PUT', `${uploadPath}?digest=${digest}`, nothing)
    t.deepEqual(uploads.committed, [])
    t.is(uploads.open, 0)
  }
})

test('pieces that do not follow each other are not put together', async (t) => {
  const { uploads, write } = await lab(t)
  await write('POST', 'blobs/uploads/', nothing)
  await write('PATCH', uploadPath, bytes.subarray(0, 1_000), { 'content-range': '0-999' })
  await write('PATCH', uploadPath, bytes.subarray(2_000), { 'content-range': '2000-1499999' })
  t.is(await write('PUT', `${uploadPath}?digest=${digest}`, nothing), 201)
  t.deepEqual([uploads.committed.length, uploads.open], [0, 0])
})

test('a disk that fails costs the keeping, and the push goes through whole', async (t) => {
  const { uploads, received, content, write, shim } = await lab(t)
  uploads.onAppend = () => Promise.reject(new Error('no space left'))
  await write('POST', 'blobs/uploads/', nothing)
  t.is(await write('PATCH', uploadPath, bytes), 202)
  t.is(await write('PUT', `${uploadPath}?digest=${digest}`, nothing), 201)
  t.is(
    createHash('sha256')
      .update(received[1] ?? '')
      .digest('hex'),
    digest.slice(7),
  )
  t.deepEqual([uploads.committed.length, uploads.open], [0, 0])
  t.true(shim.events.some((event) => event.type === 'degraded' && event.operation === 'keep what is pushed'))
  // As before there were uploads to keep, the node fetches it.
  t.is(content.opened[0]?.digest, digest)
})

test('an upload that is called off, or that ends with the node, is discarded', async (t) => {
  const { uploads, write, shim } = await lab(t, { DELETE: { status: 204 } })
  await write('POST', 'blobs/uploads/', nothing)
  await write('PATCH', uploadPath, bytes)
  t.is(uploads.open, 1)
  await write('DELETE', uploadPath, nothing)
  t.is(uploads.open, 0)
  await write('POST', 'blobs/uploads/', nothing)
  await write('PATCH', uploadPath, bytes)
  t.is(uploads.open, 1)
  await shim.registry.stop()
  t.is(uploads.open, 0)
})
