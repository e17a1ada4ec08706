import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  InvalidInputError,
  isDigest,
  type Manifest,
  maxManifestBytes,
  mediaTypes,
  parseManifest,
} from '@shoal/content'
import * as z from 'zod'
import type { ImportedBlob } from '../cache-control/cache-control.ts'
import { ArchiveError } from './archive-error.ts'
import type { ArchivedImage } from './archived-image.ts'
import { type FileSet, readSmall } from './file-set.ts'

const manifestTypes = new Set<string>(Object.values(mediaTypes))
/** An index in an index is allowed; one in one in one is nobody's image. */
const maxDepth = 3

const indexSchema = z.object({
  manifests: z.array(
    z.object({
      mediaType: z.string(),
      digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
      size: z.number().int().nonnegative(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
})

/** Whether the files are an OCI image layout. Some leave out its `oci-layout` file, which says nothing that counts. */
export async function isOciLayout(files: FileSet): Promise<boolean> {
  return (await files.sizeOf('index.json')) !== undefined
}

/**
 * Reads an OCI image layout. Manifests of an index that are not there are left out, as exports of one platform have it.
 *
 * @throws ArchiveError
 */
export async function readOciLayout(files: FileSet): Promise<ArchivedImage[]> {
  const text = (await readSmall(files, 'index.json', maxManifestBytes))?.toString() ?? ''
  const index = indexSchema.safeParse(parseJson(files, text))
  if (!index.success) throw new ArchiveError(`${files.name}: index.json is no index of an OCI image layout`)
  const images: ArchivedImage[] = []
  for (const { annotations = {}, ...root } of index.data.manifests) {
    const blobs = new Map<Digest, ImportedBlob>()
    if (!(await collect({ files, blobs }, root, 0))) throw missing(files, root)
    images.push({ names: namesIn(annotations), root, blobs: [...blobs.values()] })
  }
  if (images.length === 0) throw new ArchiveError(`${files.name} has no image: its index.json names none`)
  return images
}

interface Collection {
  readonly files: FileSet
  readonly blobs: Map<Digest, ImportedBlob>
}

/** What is below a descriptor first; whether it is there at all. */
async function collect(collection: Collection, descriptor: Descriptor, depth: number): Promise<boolean> {
  const { files, blobs } = collection
  const path = pathOf(descriptor.digest)
  const size = await files.sizeOf(path)
  if (size === undefined) return false
  if (size !== descriptor.size) {
    throw new ArchiveError(`${files.name}: ${path} has ${size} bytes, its manifest says ${descriptor.size}`)
  }
  if (manifestTypes.has(descriptor.mediaType)) {
    if (depth > maxDepth) throw new ArchiveError(`${files.name}: an index in an index in an index`)
    const manifest = await readManifest(files, path)
    for (const child of manifest.manifests) await collect(collection, child, depth + 1)
    for (const blob of manifest.blobs) {
      if (!(await collect(collection, blob, depth + 1))) throw missing(files, blob)
    }
  }
  blobs.set(descriptor.digest, { descriptor, file: files.placeOf(path), read: () => files.read(path) })
  return true
}

async function readManifest(files: FileSet, path: string): Promise<Manifest> {
  try {
    return parseManifest((await readSmall(files, path, maxManifestBytes)) ?? Buffer.alloc(0))
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause
    throw new ArchiveError(`${files.name}: ${path}: ${cause.message}`, { cause })
  }
}

/** containerd and Docker write the whole name, others the tag alone, as the specification has it. */
function namesIn(annotations: Readonly<Record<string, string>>): string[] {
  const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name']
  return name === undefined ? [] : [name]
}

export function pathOf(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`
}

function parseJson(files: FileSet, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ArchiveError(`${files.name}: index.json is not JSON`, { cause })
  }
}

function missing(files: FileSet, { digest }: Descriptor): ArchiveError {
  return new ArchiveError(`${files.name} is not complete: it lacks ${digest}`)
}
