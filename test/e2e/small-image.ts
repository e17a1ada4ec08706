import { hash, randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, type Digest, digestFromHash, digestHex } from '@shoal/content'
import { type OciLayout, openLayout } from '../../packages/agent/dist/demo/oci-layout.js'

export interface SmallImage {
  readonly layout: OciLayout
  readonly layers: readonly Digest[]
}

/** An OCI layout whose layers are bytes that don't compress: fast to make, and content that no other image has. */
export async function writeSmallImage(directory: string, layerSizes: readonly number[]): Promise<SmallImage> {
  const blobs = join(directory, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const write = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> => {
    const digest = digestFromHash('sha256', hash('sha256', bytes, 'buffer'))
    await writeFile(join(blobs, digestHex(digest)), bytes)
    return { digest, size: bytes.length, mediaType }
  }
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const layers: Descriptor[] = []
  for (const size of layerSizes) {
    layers.push(await write(randomBytes(size), 'application/vnd.oci.image.layer.v1.tar+gzip'))
  }
  const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }
  const diffIds = layers.map(({ digest }) => digest)
  const config = await write(
    json({ ...platform, rootfs: { type: 'layers', diff_ids: diffIds } }),
    'application/vnd.oci.image.config.v1+json',
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await write(json({ schemaVersion: 2, mediaType, config, layers }), mediaType)
  const indexType = 'application/vnd.oci.image.index.v1+json'
  const index = { schemaVersion: 2, mediaType: indexType, manifests: [{ ...manifest, platform }] }
  const root = await write(json(index), indexType)
  await writeFile(join(directory, 'index.json'), json({ schemaVersion: 2, manifests: [root] }))
  await writeFile(join(directory, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
  return { layout: await openLayout(directory), layers: layers.map(({ digest }) => digest) }
}
