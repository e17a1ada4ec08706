import { createHash } from 'node:crypto'
import { type Descriptor, digestFromHash, maxManifestBytes, mediaTypes } from '@shoal/content'
import * as z from 'zod'
import type { ImportedBlob } from '../cache-control/cache-control.ts'
import { ArchiveError } from './archive-error.ts'
import type { ArchivedImage } from './archived-image.ts'
import { type FileSet, readSmall } from './file-set.ts'

const maxConfigBytes = 8 * 1024 * 1024
const configType = 'application/vnd.oci.image.config.v1+json'
const layerType = 'application/vnd.oci.image.layer.v1.tar'

/** What `docker save` writes: paths of the config and of the layers, and the names. */
const archiveSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()),
  }),
)

/** Whether the files are an archive of `docker save`. */
export async function isDockerArchive(files: FileSet): Promise<boolean> {
  return (await files.sizeOf('manifest.json')) !== undefined
}

/**
 * Reads a docker-archive, which has no manifest as registries know it: one is made of its config and its layers, the
 * same for the same archive.
 *
 * @throws ArchiveError
 */
export async function readDockerArchive(files: FileSet): Promise<ArchivedImage[]> {
  const text = (await readSmall(files, 'manifest.json', maxManifestBytes))?.toString() ?? ''
  const archive = archiveSchema.safeParse(parseJson(files, text))
  if (!archive.success) throw new ArchiveError(`${files.name}: manifest.json is not that of a docker-archive`)
  const images: ArchivedImage[] = []
  for (const { Config, RepoTags, Layers } of archive.data) {
    const config = await readSmall(files, Config, maxConfigBytes)
    if (config === undefined) throw new ArchiveError(`${files.name} is not complete: it lacks ${Config}`)
    const blobs = [bytesOf(config, configType)]
    for (const layer of Layers) blobs.push(await layerAt(files, layer))
    const [configDescriptor, ...layers] = blobs.map(({ descriptor }) => descriptor)
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: configDescriptor, layers }
    const root = bytesOf(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest)
    images.push({ names: RepoTags ?? [], root: root.descriptor, blobs: [...blobs, root] })
  }
  if (images.length === 0) throw new ArchiveError(`${files.name} has no image: its manifest.json names none`)
  return images
}

function bytesOf(bytes: Buffer, mediaType: string): ImportedBlob {
  const digest = digestFromHash('sha256', createHash('sha256').update(bytes).digest())
  return {
    descriptor: { mediaType, digest, size: bytes.length },
    async *read() {
      yield bytes
    },
  }
}

async function layerAt(files: FileSet, path: string): Promise<ImportedBlob> {
  const size = await files.sizeOf(path)
  if (size === undefined) throw new ArchiveError(`${files.name} is not complete: it lacks ${path}`)
  const hash = createHash('sha256')
  let start: Uint8Array | undefined
  for await (const bytes of files.read(path)) {
    start ??= bytes.slice(0, 4)
    hash.update(bytes)
  }
  const mediaType = layerType + compressionOf(start ?? new Uint8Array())
  const descriptor: Descriptor = { mediaType, digest: digestFromHash('sha256', hash.digest()), size }
  return { descriptor, file: files.placeOf(path), read: () => files.read(path) }
}

function compressionOf(start: Uint8Array): '' | '+gzip' | '+zstd' {
  const hex = Buffer.from(start).toString('hex')
  if (hex.startsWith('1f8b')) return '+gzip'
  return hex === '28b52ffd' ? '+zstd' : ''
}

function parseJson(files: FileSet, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ArchiveError(`${files.name}: manifest.json is not JSON`, { cause })
  }
}
