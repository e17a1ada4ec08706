import { type AbortOptions, parseImageReference } from '@shoal/content'
import type { CacheControl } from '../cache-control/cache-control.ts'
import { ArchiveError } from './archive-error.ts'
import type { ArchivedImage } from './archived-image.ts'
import type { FileSet } from './file-set.ts'
import { isDockerArchive, readDockerArchive } from './read-docker-archive.ts'
import { isOciLayout, readOciLayout } from './read-oci-layout.ts'

/** What came in. */
export interface ImportedImage {
  /** As they are kept; none for an image that can be had by its digest only. */
  readonly names: readonly string[]
  readonly digest: string
  /** Bytes of blobs that were not there before. */
  readonly added: number
  /** Bytes of these that were not written, but shared with the files that they came from. */
  readonly shared: number
}

export interface ImportInit {
  readonly files: FileSet
  /** Instead of the archive's own, for an archive of one image. */
  readonly name?: string | undefined
  /** Whether everybody may have them who reaches a node of the cluster. */
  readonly isPublic: boolean
  /** Whether the cache may have the very files, where there are no clones. */
  readonly mayLink: boolean
}

/**
 * Puts images into a cache, of an OCI image layout or a docker-archive.
 *
 * @throws ArchiveError, DigestMismatchError, StoreError
 */
export async function importImages(
  control: CacheControl,
  { files, name, isPublic, mayLink }: ImportInit,
  options?: AbortOptions,
): Promise<ImportedImage[]> {
  const images = await readImages(files)
  if (name !== undefined && images.length > 1) {
    throw new ArchiveError(`${files.name} has ${images.length} images: --name can name only one`)
  }
  const imported: ImportedImage[] = []
  for (const image of images) {
    const names = name === undefined ? image.names.filter(isWholeName) : [name]
    let added = 0
    let shared = 0
    for (const blob of image.blobs) {
      if (await control.has(blob.descriptor.digest, options)) continue
      const { descriptor, file } = blob
      added += descriptor.size
      if (file !== undefined && (await control.share({ descriptor, file, mayLink }, options))) {
        shared += descriptor.size
      } else await control.store(blob, options)
    }
    for (const each of names) await control.name(each, image.root, { ...options, isPublic })
    imported.push({ names, digest: image.root.digest, added, shared })
  }
  return imported
}

/** Docker writes both forms into one archive: the layout has the digests that registries know. */
async function readImages(files: FileSet): Promise<ArchivedImage[]> {
  if (await isOciLayout(files)) return withDockerNames(files, await readOciLayout(files))
  if (await isDockerArchive(files)) return readDockerArchive(files)
  throw new ArchiveError(`${files.name} is neither an OCI image layout nor a docker-archive`)
}

/** Some write names into the docker-archive's part only. */
async function withDockerNames(files: FileSet, images: readonly ArchivedImage[]): Promise<ArchivedImage[]> {
  const [only] = images
  const isNamed = images.some(({ names }) => names.some(isWholeName))
  if (only === undefined || images.length > 1 || isNamed || !(await isDockerArchive(files)))
    return [...images]
  const [docker] = await readDockerArchive(files)
  return [{ ...only, names: docker?.names ?? [] }]
}

/** A tag alone, as the specification of the layout has it, names nothing without a repository. */
function isWholeName(name: string): boolean {
  if (!/[/:]/.test(name)) return false
  try {
    parseImageReference(name)
    return true
  } catch {
    return false // of a tool with other ideas of a name: the image can be had by its digest, or with --name
  }
}
