import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { openLayout } from '../dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../dist/demo/upstream-registry.js'
import { someBytes, type TestImage, temporaryDirectory, writeLayout } from './fixture.ts'

const layerBytes = someBytes(700_000)

async function start(t: ExecutionContext) {
  const image = await writeLayout(await temporaryDirectory(t), [layerBytes])
  const layout = await openLayout(image.directory)
  const registry = await UpstreamRegistry.start({ layout, name: 'shoal/demo', tag: 'latest' })
  t.teardown(() => registry.stop())
  const get = (path: string, init: RequestInit = {}) => fetch(`${registry.url}/v2/shoal/demo/${path}`, init)
  return { registry, image, get, layer: layerOf(image) }
}

function layerOf({ layers, config }: TestImage) {
  return layers[0]?.digest ?? config.digest
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer())

test('the root of the API is there', async (t) => {
  const { registry } = await start(t)
  t.is((await fetch(`${registry.url}/v2/`)).status, 200)
})

test('a tag is the index, with its digest and media type', async (t) => {
  const { get, image } = await start(t)
  const response = await get('manifests/latest')
  t.deepEqual(
    ['docker-content-digest', 'content-type', 'content-length'].map((name) => response.headers.get(name)),
    [image.index.digest, image.index.mediaType, String(image.index.size)],
  )
})

test('a manifest is found by its digest, with its own media type', async (t) => {
  const { get, image } = await start(t)
  const response = await get(`manifests/${image.manifest.digest}`)
  t.deepEqual([response.status, response.headers.get('content-type')], [200, image.manifest.mediaType])
})

test('a blob comes byte for byte', async (t) => {
  const { get, layer } = await start(t)
  t.true((await bytesOf(await get(`blobs/${layer}`))).equals(layerBytes))
})

test('HEAD tells the size and sends nothing', async (t) => {
  const { get, layer, registry } = await start(t)
  const response = await get(`blobs/${layer}`, { method: 'HEAD' })
  t.deepEqual([response.status, response.headers.get('content-length')], [200, '700000'])
  t.is(registry.bytesSent, 0)
})

for (const [range, start_, end] of [
  ['bytes=0-0', 0, 1],
  ['bytes=100-299', 100, 300],
  ['bytes=699999-', 699_999, 700_000],
  ['bytes=-5', 699_995, 700_000],
  ['bytes=600000-9999999', 600_000, 700_000],
] as const) {
  test(`${range} is answered with that part`, async (t) => {
    const { get, layer } = await start(t)
    const response = await get(`blobs/${layer}`, { headers: { range } })
    t.deepEqual(
      [response.status, response.headers.get('content-range')],
      [206, `bytes ${start_}-${end - 1}/700000`],
    )
    t.true((await bytesOf(response)).equals(layerBytes.subarray(start_, end)))
  })
}

for (const range of ['bytes=9-3', 'bytes=-', 'bytes=0-1,5-6', 'chunks=1-2']) {
  test(`${range} is as good as none`, async (t) => {
    const { get, layer } = await start(t)
    const response = await get(`blobs/${layer}`, { headers: { range } })
    t.deepEqual([response.status, (await bytesOf(response)).length], [200, 700_000])
  })
}

test('a range behind the end is 416 with the size', async (t) => {
  const { get, layer } = await start(t)
  const response = await get(`blobs/${layer}`, { headers: { range: 'bytes=700000-' } })
  t.deepEqual([response.status, response.headers.get('content-range')], [416, 'bytes */700000'])
})

for (const path of [
  'manifests/other',
  `blobs/sha256:${'0'.repeat(64)}`,
  'blobs/sha256:..%2f..%2findex.json',
  'uploads/x',
]) {
  test(`${path} is 404`, async (t) => {
    const { get } = await start(t)
    const response = await get(path)
    t.is(response.status, 404)
    t.regex(await response.text(), /^\{"errors":\[\{"code":"(MANIFEST|BLOB|NAME)_UNKNOWN"/)
  })
}

test('another repository is 404', async (t) => {
  const { registry } = await start(t)
  t.is((await fetch(`${registry.url}/v2/other/manifests/latest`)).status, 404)
})

test('a push is 405', async (t) => {
  const { get } = await start(t)
  t.is((await get('blobs/uploads/', { method: 'POST' })).status, 405)
})

test('requests and bytes of bodies are counted by digest', async (t) => {
  const { get, layer, image, registry } = await start(t)
  await bytesOf(await get(`blobs/${layer}`))
  await bytesOf(await get(`blobs/${layer}`, { headers: { range: 'bytes=0-99' } }))
  await bytesOf(await get('manifests/latest'))
  await get('manifests/latest', { method: 'HEAD' })
  const { requests, bytesByDigest } = registry.counts
  t.is(requests, 4)
  t.deepEqual([bytesByDigest.get(layer), bytesByDigest.get(image.index.digest)], [700_100, image.index.size])
  t.is(registry.bytesSent, 700_100 + image.index.size)
})

test('a client that leaves is charged with no more than was sent', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(30_000_000)])
  const layout = await openLayout(image.directory)
  const registry = await UpstreamRegistry.start({ layout, name: 'shoal/demo', tag: 'latest' })
  t.teardown(() => registry.stop())
  const socket = connect(Number(new URL(registry.url).port), '127.0.0.1')
  socket.write(`GET /v2/shoal/demo/blobs/${layerOf(image)} HTTP/1.1\r\nhost: a\r\n\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  const end = await fetch(`${registry.url}/v2/shoal/demo/manifests/latest`)
  await end.arrayBuffer()
  t.true(registry.bytesSent < 30_000_000)
})

test('a stopped registry answers nobody', async (t) => {
  const { registry, get } = await start(t)
  await Promise.all([registry.stop(), registry.stop()])
  await t.throwsAsync(get('manifests/latest'))
})

test('what is not HTTP ends the connection', async (t) => {
  const { registry } = await start(t)
  const socket = connect(Number(new URL(registry.url).port), '127.0.0.1')
  socket.write('hello\r\n\r\n')
  t.regex(await text(socket), /^HTTP\/1\.1 400/)
})
