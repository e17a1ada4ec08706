import { rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestHex } from '@shoal/content'
import test from 'ava'
import { imageBytes, openLayout } from '../dist/demo/oci-layout.js'
import { someBytes, temporaryDirectory, writeLayout, writeTree } from './fixture.ts'

test('what a client pulls is index, manifest, config and layers', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(10), someBytes(20, 2)])
  const layout = await openLayout(image.directory)
  const parts = [image.index, image.manifest, image.config, ...image.layers]
  t.deepEqual(
    layout.pulled.map(({ digest }) => digest),
    parts.map(({ digest }) => digest),
  )
  t.is(
    imageBytes(layout),
    parts.reduce((sum, { size }) => sum + size, 0),
  )
})

test('a layer that occurs twice counts once', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(10), someBytes(10)])
  t.is((await openLayout(image.directory)).pulled.length, 4)
})

test('a layout without an index is an image all the same', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(10)])
  await writeFile(join(image.directory, 'index.json'), JSON.stringify({ manifests: [image.manifest] }))
  const layout = await openLayout(image.directory)
  t.is(layout.root.digest, image.manifest.digest)
  t.is(layout.pulled.length, 3)
})

test('a directory that is no layout is told so', async (t) => {
  const directory = await temporaryDirectory(t)
  await t.throwsAsync(openLayout(directory), {
    code: 'DEMO',
    message: `${directory} is no OCI image layout: can't read "${directory}/index.json": no such file or directory`,
  })
})

for (const [what, content] of [
  ['text', 'hello'],
  ['another document', '{"a":1}'],
  ['a malformed digest', '{"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]}'],
] as const) {
  test(`an index.json with ${what} is refused`, async (t) => {
    const directory = await writeTree(await temporaryDirectory(t), { 'index.json': content })
    await t.throwsAsync(openLayout(directory), { code: 'DEMO', message: /index\.json: malformed manifest/ })
  })
}

test('a layout without images is told so', async (t) => {
  const directory = await writeTree(await temporaryDirectory(t), { 'index.json': '{"manifests":[]}' })
  await t.throwsAsync(openLayout(directory), { message: /has no image/ })
})

test('a layer that is missing is told before anything starts', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(100)])
  const layer = image.layers[0]?.digest ?? image.config.digest
  await rm(join(image.directory, 'blobs/sha256', digestHex(layer)))
  await t.throwsAsync(openLayout(image.directory), { code: 'DEMO', message: /not complete: .*no such file/ })
})

test('a layer that was cut is told before anything starts', async (t) => {
  const image = await writeLayout(await temporaryDirectory(t), [someBytes(100)])
  const layer = image.layers[0]?.digest ?? image.config.digest
  await truncate(join(image.directory, 'blobs/sha256', digestHex(layer)), 50)
  await t.throwsAsync(openLayout(image.directory), { message: /has 50 bytes, its manifest says 100/ })
})
