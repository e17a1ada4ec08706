import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { ociArchitecture, parseManifest } from '@shoal/content'
import test, { type ExecutionContext } from 'ava'
import { collect, walkTree } from '../dist/demo/file-tree.js'
import { buildImage, type ImageInit } from '../dist/demo/image-builder.js'
import { imageBytes, openLayout } from '../dist/demo/oci-layout.js'
import type { TarEntry } from '../dist/demo/tar-stream.js'
import { someBytes, temporaryDirectory, writeTree } from './fixture.ts'

const nothingMore = async function* (): AsyncGenerator<TarEntry> {
  // A machine without further files.
}

const small = { layers: 2, totalBytes: 100_000, largestLayerBytes: 60_000 }

/** Two layers of a small tree: about 64 kB and 40 kB that don't compress. */
async function smallImage(t: ExecutionContext, change: Partial<ImageInit> = {}): Promise<ImageInit> {
  const root = await writeTree(await temporaryDirectory(t), {
    'big/program': someBytes(64_000, 1),
    'small/library': someBytes(40_000, 2),
    'small/readme': 'hello',
  })
  const layer = async (name: string) => ({
    title: name,
    entries: await collect(walkTree(join(root, name), `opt/${name}`)),
  })
  const layers = [await layer('big'), await layer('small')]
  return { layers, more: nothingMore(), requirements: small, ...change }
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

async function built(t: ExecutionContext, init: ImageInit): Promise<string> {
  const directory = join(await temporaryDirectory(t), 'image')
  await buildImage(directory, init)
  return directory
}

test('an image has an index, a manifest, a config and gzip layers', async (t) => {
  const layout = await openLayout(await built(t, await smallImage(t)))
  t.deepEqual(
    layout.pulled.map(({ mediaType }) => mediaType),
    [
      'application/vnd.oci.image.index.v1+json',
      'application/vnd.oci.image.manifest.v1+json',
      'application/vnd.oci.image.config.v1+json',
      'application/vnd.oci.image.layer.v1.tar+gzip',
      'application/vnd.oci.image.layer.v1.tar+gzip',
    ],
  )
  t.true(imageBytes(layout) > 104_000)
})

test('every blob has the digest of its name, and nothing else is left in the layout', async (t) => {
  const directory = join(await built(t, await smallImage(t)), 'blobs/sha256')
  const names = await readdir(directory)
  t.is(names.length, 5)
  for (const name of names) t.is(sha256(await readFile(join(directory, name))), `sha256:${name}`)
})

test("the config has the digests of the unpacked layers, in order, and this machine's platform", async (t) => {
  const layout = await openLayout(await built(t, await smallImage(t)))
  const [, , config, ...layers] = layout.pulled
  const read = JSON.parse(await readFile(layout.pathOf(config?.digest as never), 'utf8'))
  const unpacked = await Promise.all(
    layers.map(async ({ digest }) => gunzipSync(await readFile(layout.pathOf(digest)))),
  )
  t.deepEqual(read.rootfs, { type: 'layers', diff_ids: unpacked.map(sha256) })
  t.deepEqual([read.os, read.architecture], [process.platform, ociArchitecture()])
  t.is(read.history.length, 2)
})

test('the index names the platform of its manifest', async (t) => {
  const layout = await openLayout(await built(t, await smallImage(t)))
  const index = parseManifest(await readFile(layout.pathOf(layout.root.digest)))
  t.deepEqual(
    index.manifests.map(({ platform }) => platform),
    [{ os: process.platform, architecture: ociArchitecture() }],
  )
})

test('the same files make the same image', async (t) => {
  const first = await openLayout(await built(t, await smallImage(t)))
  const second = await openLayout(await built(t, await smallImage(t)))
  t.is(first.root.digest, second.root.digest)
})

test('layers that fall short are filled up with more files', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), {
    a: someBytes(90_000, 3),
    b: someBytes(90_000, 4),
  })
  const requirements = { layers: 3, totalBytes: 250_000, largestLayerBytes: 60_000 }
  const init = await smallImage(t, { more: walkTree(root, 'usr/share'), requirements })
  const layout = await openLayout(await built(t, init))
  t.is(layout.pulled.length, 6)
  t.true(imageBytes(layout) >= 250_000)
})

test('a layer that is large enough is made when none is', async (t) => {
  const root = await writeTree(await temporaryDirectory(t), { a: someBytes(200_000, 3) })
  const requirements = { layers: 2, totalBytes: 1, largestLayerBytes: 150_000 }
  const init = await smallImage(t, { more: walkTree(root, 'usr/share'), requirements })
  const layout = await openLayout(await built(t, init))
  t.true(Math.max(...layout.pulled.map(({ size }) => size)) > 150_000)
})

test('a machine with too few files is told so, with what there is and what to do', async (t) => {
  const requirements = { layers: 4, totalBytes: 1e6, largestLayerBytes: 1e6 }
  await t.throwsAsync(built(t, await smallImage(t, { requirements })), {
    code: 'DEMO',
    message:
      /^the files of this machine make layers of 6\d\.\d kB, 4\d\.\d kB; the demo needs at least 4 layers, 1\.0 MB in all and one over 1\.0 MB\. Name an image with --image-dir/,
  })
})

test('an abort ends the work', async (t) => {
  const directory = join(await temporaryDirectory(t), 'image')
  const signal = AbortSignal.abort()
  await t.throwsAsync(buildImage(directory, await smallImage(t), { signal }), { name: 'AbortError' })
})
