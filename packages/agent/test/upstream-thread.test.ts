import test from 'ava'
import { UpstreamThread } from '../dist/demo/upstream-thread.js'
import { someBytes, temporaryDirectory, writeLayout } from './fixture.ts'

const image = { name: 'shoal/demo', tag: 'latest' }

test('serves the image, and counts what it sent', async (t) => {
  const { directory, layers } = await writeLayout(await temporaryDirectory(t), [someBytes(300_000, 1)])
  const registry = await UpstreamThread.start({ directory, ...image })
  t.teardown(() => registry.stop())
  const response = await fetch(`${registry.url}/v2/shoal/demo/blobs/${layers[0]?.digest}`)
  const { byteLength } = await response.arrayBuffer()
  t.deepEqual([registry.requests, registry.bytesSent], [1, byteLength])
  t.deepEqual(
    layers.map(({ size }) => size),
    [byteLength],
  )
})

test('says why it does not start', async (t) => {
  const directory = await temporaryDirectory(t)
  await t.throwsAsync(UpstreamThread.start({ directory, ...image }), { message: /no OCI image layout/ })
})

test('listens no more when it was stopped, and may be stopped twice', async (t) => {
  const { directory } = await writeLayout(await temporaryDirectory(t), [someBytes(1_000, 1)])
  const registry = await UpstreamThread.start({ directory, ...image })
  await registry.stop()
  await registry.stop()
  await t.throwsAsync(fetch(`${registry.url}/v2/`))
})
