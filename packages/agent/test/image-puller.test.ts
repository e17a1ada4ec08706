import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Digest } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { type PullInit, pullImage } from '../dist/demo/image-puller.js'
import { imageBytes, openLayout } from '../dist/demo/oci-layout.js'
import { UpstreamRegistry } from '../dist/demo/upstream-registry.js'
import { someBytes, temporaryDirectory, writeLayout } from './fixture.ts'

const image = { namespace: 'demo.registry', name: 'shoal/demo', tag: 'latest' }
const contents = [someBytes(300_000, 1), someBytes(200_000, 2), someBytes(100_000, 3), someBytes(50_000, 4)]

async function start(t: ExecutionContext) {
  const written = await writeLayout(await temporaryDirectory(t), contents)
  const layout = await openLayout(written.directory)
  const registry = await UpstreamRegistry.start({ layout, ...image })
  t.teardown(() => registry.stop())
  const init: PullInit = { registry: new URL(registry.url).host, ...image }
  return { written, layout, registry, init }
}

/** A registry that answers as the test says. */
async function fake(t: ExecutionContext, listener: RequestListener): Promise<PullInit> {
  const server = createServer(listener)
  t.teardown(() => server.close().closeAllConnections())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { registry: `127.0.0.1:${(server.address() as AddressInfo).port}`, ...image }
}

async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await writeFile(path, bytes)
}

test('an image that arrives whole is reported with every byte and digest', async (t) => {
  const { init, layout } = await start(t)
  let seen = 0
  const pulled = await pullImage({ ...init, onBytes: (bytes) => (seen += bytes) })
  t.is(pulled.bytes, imageBytes(layout))
  t.is(seen, pulled.bytes)
  t.deepEqual(pulled.digests.toSorted(), layout.pulled.map(({ digest }) => digest).toSorted())
})

test('every digest is fetched once', async (t) => {
  const { init, registry, layout } = await start(t)
  await pullImage(init)
  t.is(registry.bytesSent, imageBytes(layout))
})

for (const [what, which] of [
  ['layer', 4],
  ['config', 2],
  ['manifest', 1],
  ['index', 0],
] as const) {
  test(`one flipped byte in the ${what} fails the pull`, async (t) => {
    const { init, layout } = await start(t)
    const { digest } = layout.pulled[which] ?? { digest: '' as Digest }
    await flipByte(layout.pathOf(digest), 20)
    await t.throwsAsync(pullImage(init), { code: 'DIGEST_MISMATCH', message: new RegExp(digest) })
  })
}

test('a body that ends early fails the pull', async (t) => {
  const { init, layout } = await start(t)
  const { digest } = layout.pulled[3] ?? { digest: '' as Digest }
  await writeFile(layout.pathOf(digest), contents[0]?.subarray(0, 1_000) ?? '')
  await t.throwsAsync(pullImage(init))
})

test('a shim that has no such tag fails the pull with its status', async (t) => {
  const { init } = await start(t)
  await t.throwsAsync(pullImage({ ...init, tag: 'other' }), {
    code: 'DEMO',
    message: 'HEAD /v2/shoal/demo/manifests/other?ns=demo.registry: got status 404, expected 200',
  })
})

test('a tag without a digest fails the pull', async (t) => {
  const init = await fake(t, (_, response) => response.end())
  await t.throwsAsync(pullImage(init), { code: 'DIGEST_INVALID' })
})

test('a manifest of more than clients accept is not read', async (t) => {
  let requests = 0
  const init = await fake(t, (_, response) => {
    requests++
    response.setHeader('docker-content-digest', `sha256:${'a'.repeat(64)}`)
    response.setHeader('content-length', 5 * 1024 * 1024)
    response.end()
  })
  await t.throwsAsync(pullImage(init), { code: 'DEMO', message: /a manifest of 5242880 bytes/ })
  t.is(requests, 1)
})

test('a body that goes on beyond its size is left', async (t) => {
  const init = await fake(t, (request, response) => {
    response.setHeader('docker-content-digest', `sha256:${'a'.repeat(64)}`)
    if (request.method === 'HEAD') return response.setHeader('content-length', 10).end()
    return response.end('more than ten bytes')
  })
  await t.throwsAsync(pullImage(init), { code: 'DEMO', message: /got more than the 10 bytes/ })
})

test('an abort ends the pull', async (t) => {
  const controller = new AbortController()
  const init = await fake(t, () => controller.abort())
  await t.throwsAsync(pullImage(init, { signal: controller.signal }), { name: 'AbortError' })
})

test('a registry that is gone fails the pull', async (t) => {
  const { init, registry } = await start(t)
  await registry.stop()
  await t.throwsAsync(pullImage(init), { code: 'ECONNREFUSED' })
})
