import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { LayoutImage } from '../../harness/docker-registry.ts'
import { run } from '../../harness/run.ts'

export interface BlobDescriptor {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
}

/** An image of random bytes, which no compression makes smaller and nothing else shares. */
export interface BenchImage extends LayoutImage {
  readonly repository: string
  readonly manifest: BlobDescriptor
  /** What clients ask for by tag. */
  readonly index: string
  readonly config: BlobDescriptor
  readonly layers: readonly BlobDescriptor[]
  /** Bytes of all layers. */
  readonly bytes: number
}

export interface BenchImageInit {
  /** New; becomes an OCI image layout. */
  readonly layout: string
  readonly repository: string
  /** Bytes of the files in all layers. */
  readonly bytes: number
  readonly layers: number
}

/** Files of the layers: an image of the Node.js runtime has some 20 kB a file, one of models gigabytes. */
const fileBytes = 1_000_000
const buildTimeoutMs = 600_000
const tag = 'latest'

/** Builds an image. Layers are plain archives: what is measured is transfer, not gzip. */
export async function buildImage({
  layout,
  repository,
  bytes,
  layers: count,
}: BenchImageInit): Promise<BenchImage> {
  const blobs = join(layout, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const layers: BlobDescriptor[] = []
  for (let index = 0; index < count; index++) layers.push(await writeLayer(layout, bytes / count))
  const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }
  const config = await writeJson(blobs, 'application/vnd.oci.image.config.v1+json', {
    ...platform,
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await writeJson(blobs, mediaType, { schemaVersion: 2, mediaType, config, layers })
  const index = JSON.stringify(indexOf({ ...manifest, platform }))
  const annotations = { 'org.opencontainers.image.ref.name': tag }
  await writeFile(join(layout, 'index.json'), JSON.stringify(indexOf({ ...manifest, annotations })))
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const size = layers.reduce((sum, layer) => sum + layer.size, 0)
  return { layout, repository, tag, manifest, index, config, layers, bytes: size }
}

async function writeLayer(layout: string, bytes: number): Promise<BlobDescriptor> {
  const files = join(layout, 'files')
  await mkdir(files)
  const script = `head -c ${Math.round(bytes)} /dev/urandom | split -b ${fileBytes} -a 5 - ${files}/`
  await run('sh', ['-c', script], { timeoutMs: buildTimeoutMs })
  const archive = join(layout, 'layer.tar')
  await run('tar', ['-cf', archive, '-C', layout, 'files'], { timeoutMs: buildTimeoutMs })
  await rm(files, { recursive: true })
  const hash = createHash('sha256')
  await pipeline(createReadStream(archive, { highWaterMark: 1 << 20 }), hash)
  const hex = hash.digest('hex')
  const { size } = await stat(archive)
  await rename(archive, join(layout, 'blobs', 'sha256', hex))
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${hex}`, size }
}

async function writeJson(blobs: string, mediaType: string, value: unknown): Promise<BlobDescriptor> {
  const body = JSON.stringify(value)
  const hex = createHash('sha256').update(body).digest('hex')
  await writeFile(join(blobs, hex), body)
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(body) }
}

function indexOf(manifest: object) {
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [manifest],
  }
}
