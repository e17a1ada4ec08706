import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AbortOptions,
  type Descriptor,
  digestFromHash,
  digestHex,
  mediaTypes,
  ociArchitecture,
} from '@shoal/content'
import { DemoError } from './demo-error.ts'
import { formatBytes } from './format.ts'
import type { PlannedLayer } from './layer-plan.ts'
import { type WrittenLayer, writeLayer } from './layer-writer.ts'
import type { TarEntry } from './tar-stream.ts'
import { forEachOf } from './work-pool.ts'

/** What an image must have to be worth a demonstration. Sizes in bytes, compressed. */
export interface ImageRequirements {
  readonly layers: number
  readonly totalBytes: number
  readonly largestLayerBytes: number
}

export const demoRequirements: ImageRequirements = {
  layers: 4,
  totalBytes: 150e6,
  largestLayerBytes: 60e6,
}

export interface ImageInit {
  readonly layers: readonly PlannedLayer[]
  /** Where more files come from when the planned layers fall short. */
  readonly more: AsyncIterator<TarEntry>
  readonly requirements: ImageRequirements
}

/** gzip keeps two cores busy with two; more would only take memory. */
const parallelLayers = 2
/** System files compress to a third at gzip's level 1; a bit more, so that one round mostly does. */
const rawPerMissingByte = 3
const minExtraBytes = 4e6
/** Each round makes a layer; when this many have not sufficed, the machine has too little. */
const maxExtraLayers = 8
const created = '2026-01-01T00:00:00Z'

/**
 * Makes a real image of real files: an OCI image layout with gzip layers, config, manifest, and an index in
 * front. The same files make the same image.
 *
 * @param directory - new or empty; becomes the layout
 * @throws DemoError when the machine's files don't suffice for the requirements
 */
export async function buildImage(
  directory: string,
  init: ImageInit,
  options: AbortOptions = {},
): Promise<void> {
  const blobsDir = join(directory, 'blobs', 'sha256')
  await mkdir(blobsDir, { recursive: true })

  const layers: WrittenLayer[] = new Array(init.layers.length)
  await forEachOf(init.layers.entries(), parallelLayers, async ([index, layer]) => {
    layers[index] = await writeLayer(layer, blobsDir, options)
  })
  await addMissing(layers, init, blobsDir, options)
  assertSufficient(layers, init.requirements)

  const { platform, config } = configOf(layers)
  const configBlob = await writeJson(blobsDir, 'application/vnd.oci.image.config.v1+json', config)
  const manifest = await writeJson(blobsDir, mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: configBlob,
    layers: layers.map(({ descriptor }) => descriptor),
  })
  const index = await writeJson(blobsDir, mediaTypes.ociIndex, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ ...manifest, platform }],
  })
  const named = { ...index, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  await writeFile(
    join(directory, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [named] }),
  )
}

/** Adds layers of other files of the machine until nothing is missing, or there are no more. */
async function addMissing(
  layers: WrittenLayer[],
  { more, requirements }: ImageInit,
  blobsDir: string,
  options: AbortOptions,
): Promise<void> {
  for (let round = 1; round <= maxExtraLayers; round++) {
    const missing = missingBytes(layers, requirements)
    if (missing === 0) return
    const entries = await takeBytes(more, Math.max(minExtraBytes, missing * rawPerMissingByte))
    if (entries.length === 0) return
    layers.push(await writeLayer({ title: `system files ${round}`, entries }, blobsDir, options))
  }
}

/** How large one more layer has to be. */
function missingBytes(layers: readonly WrittenLayer[], requirements: ImageRequirements): number {
  const sizes = layers.map(({ descriptor }) => descriptor.size)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const lacksLarge = Math.max(0, ...sizes) <= requirements.largestLayerBytes
  return Math.max(
    requirements.totalBytes - total,
    lacksLarge ? requirements.largestLayerBytes + 1 : 0,
    layers.length < requirements.layers ? 1 : 0,
    0,
  )
}

async function takeBytes(more: AsyncIterator<TarEntry>, wanted: number): Promise<TarEntry[]> {
  const entries: TarEntry[] = []
  let taken = 0
  while (taken < wanted) {
    const next = await more.next()
    if (next.done) break
    entries.push(next.value)
    taken += next.value.size
  }
  return entries
}

function assertSufficient(layers: readonly WrittenLayer[], requirements: ImageRequirements): void {
  if (missingBytes(layers, requirements) === 0) return
  const sizes = layers.map(({ descriptor }) => formatBytes(descriptor.size))
  const { layers: count, totalBytes, largestLayerBytes } = requirements
  throw new DemoError(
    `the files of this machine make layers of ${sizes.join(', ')}; the demo needs at least ${count} layers, ${formatBytes(totalBytes)} in all and one over ${formatBytes(largestLayerBytes)}. Name an image with --image-dir <OCI layout>`,
  )
}

/** An image that runs: `docker run` of it prints Node's version. */
function configOf(layers: readonly WrittenLayer[]) {
  const platform = { os: process.platform, architecture: ociArchitecture() }
  const config = {
    created,
    ...platform,
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Entrypoint: ['/usr/local/bin/node'],
      Cmd: ['--version'],
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ title }) => ({ created, created_by: `shoal demo: ${title}` })),
  }
  return { platform, config }
}

async function writeJson(blobsDir: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value))
  const digest = digestFromHash('sha256', createHash('sha256').update(bytes).digest())
  await writeFile(join(blobsDir, digestHex(digest)), bytes)
  return { mediaType, digest, size: bytes.length }
}
