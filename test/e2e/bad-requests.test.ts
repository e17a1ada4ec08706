import test from 'ava'
import { Client, request } from 'undici'
import { type Lab, pullThrough, startLab } from './lab.ts'

let lab: Lab
test.before(async () => {
  lab = await startLab({ nodes: 1, layerSizes: [100_000] })
  for (const node of lab.nodes) await pullThrough(node)
})
test.after.always(async () => {
  await lab?.[Symbol.asyncDispose]()
})

/** Stands for the digest of the image's layer. */
const layer = '<layer>'
const digest = `sha256:${'0'.repeat(64)}`

for (const [what, path, headers, statuses] of [
  ['a malformed digest', '/v2/shoal/lab/blobs/sha256:xyz?ns=lab.registry', {}, [400, 404]],
  ['an ns that is a private address', `/v2/a/b/blobs/${digest}?ns=10.0.0.1`, {}, [404]],
  ['an ns that is the metadata service', '/v2/a/b/manifests/latest?ns=169.254.169.254', {}, [404]],
  ['an ns that is no registry', '/v2/a/b/manifests/latest?ns=..%2f..', {}, [400, 404]],
  ['a path traversal', '/v2/../../etc/passwd/manifests/latest', {}, [400, 404]],
  ['an encoded path traversal', '/v2/%2e%2e/%2e%2e/etc/manifests/latest', {}, [400, 404]],
  [
    'a range that ends before it begins',
    `/v2/shoal/lab/blobs/${layer}?ns=lab.registry`,
    { range: 'bytes=9-3' },
    [416],
  ],
] as const) {
  test(`${what} gets an OCI error, and the agent stays up`, async (t) => {
    const [node] = lab.nodes
    if (node === undefined) return t.fail()
    const url = path.replace(layer, lab.image.layers[0] ?? '')
    // A client that sends the path as it is, where others would resolve the dots.
    const client = new Client(`http://${node.shim}`)
    t.teardown(() => client.close())
    const { statusCode, body } = await client.request({ path: url, method: 'GET', headers })
    const { errors } = (await body.json()) as { errors: { code: string; message: string }[] }
    t.true((statuses as readonly number[]).includes(statusCode), `status ${statusCode}`)
    t.truthy(errors[0]?.code)
    t.truthy(errors[0]?.message)
    t.is((await node.status()).state, 'ready')
  })
}

test('a header line of 10 MB is refused, and the agent stays up', async (t) => {
  const [node] = lab.nodes
  if (node === undefined) return t.fail()
  const headers = { 'x-long': 'x'.repeat(10 * 1024 * 1024) }
  const answer = await request(`http://${node.shim}/v2/`, { headers }).catch((error: Error) => error)
  t.true(answer instanceof Error || answer.statusCode === 431)
  t.is((await node.status()).state, 'ready')
})
