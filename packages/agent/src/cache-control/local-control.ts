import type { Cache, CachedImage, Freed, VerifiedBlob } from '@shoal/cache'
import {
  type AbortOptions,
  type Descriptor,
  type Digest,
  formatImageReference,
  type ImageReference,
  InvalidInputError,
  isDigest,
  parseImageReference,
  type Repository,
} from '@shoal/content'
import type {
  BlobInFile,
  CacheControl,
  CacheListing,
  ImageContents,
  ImportedBlob,
  NameOptions,
} from './cache-control.ts'

export interface LocalControlInit {
  readonly cache: Cache
  /** Tells the swarm that this node can answer for a tag in a public repository. */
  readonly onNamed?: ((repository: Repository, tag: string) => void) | undefined
  readonly close?: () => Promise<void>
}

/** A cache that this process has open. */
export class LocalControl implements CacheControl {
  readonly #init: LocalControlInit

  constructor(init: LocalControlInit) {
    this.#init = init
  }

  async list(): Promise<CacheListing> {
    const { cache } = this.#init
    return { images: await cache.images.list(), usedBytes: cache.usedBytes() }
  }

  async pin(image: string): Promise<{ name: string; isHere: boolean }> {
    const reference = parseImageReference(image)
    return { name: formatImageReference(reference), isHere: await this.#init.cache.images.pin(reference) }
  }

  async unpin(image: string): Promise<void> {
    await this.#init.cache.images.unpin(parseImageReference(image))
  }

  remove(image: string): Promise<Freed> {
    return this.#init.cache.images.remove(imageOf(image))
  }

  collect(): Promise<Freed> {
    return this.#init.cache.images.collect()
  }

  async *verify(image: string | undefined, options?: AbortOptions): AsyncGenerator<VerifiedBlob> {
    const { cache } = this.#init
    const found = image === undefined ? undefined : await this.#find(image)
    const digests = found && { digests: await cache.images.partsOf(found.digest) }
    yield* cache.verify({ ...options, ...digests })
  }

  async contents(image: string, options?: AbortOptions): Promise<ImageContents> {
    const { cache } = this.#init
    const { name, digest, mediaType } = await this.#find(image)
    const parts = new Set(await cache.images.partsOf(digest))
    const held: Descriptor[] = []
    for await (const descriptor of cache.blobs.list(options)) {
      if (parts.has(descriptor.digest)) held.push(descriptor)
    }
    const size = held.find((descriptor) => descriptor.digest === digest)?.size ?? 0
    return { name, root: { digest, size, mediaType }, held }
  }

  async *read(digest: Digest, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const blob = await this.#init.cache.blobs.open(digest, options)
    if (blob === undefined) throw new InvalidInputError('BLOB_UNKNOWN', `blob ${digest} is not in the cache`)
    try {
      yield* blob.stream(undefined, options)
    } finally {
      await blob.close()
    }
  }

  has(digest: Digest): Promise<boolean> {
    return this.#init.cache.blobs.has(digest)
  }

  share({ descriptor, file, mayLink }: BlobInFile, options?: AbortOptions): Promise<boolean> {
    return this.#init.cache.importFile({ descriptor, from: file, mayLink }, options)
  }

  async store({ descriptor, read }: ImportedBlob, options?: AbortOptions): Promise<void> {
    await this.#init.cache.import({ descriptor, bytes: read() }, options)
  }

  async name(image: string, root: Descriptor, options: NameOptions): Promise<void> {
    const { cache, onNamed } = this.#init
    const { tag, digest, ...repository } = parseImageReference(image)
    if (digest !== undefined && digest !== root.digest) {
      throw new InvalidInputError('NAME_INVALID', `${image} can't name ${root.digest}: it has another digest`)
    }
    // Whoever imports it says that the registry has it.
    for (const part of await cache.images.partsOf(root.digest)) {
      await cache.metadata.recordProof(part, repository.registry)
    }
    if (tag === undefined) return cache.metadata.nameManifest(repository, root.digest)
    // A file does not tell who may read the registry's repository; what the registry said before still holds.
    const known = await cache.metadata.getTag(repository, tag)
    const wasPublic = known?.isPublic === true && known.descriptor.digest === root.digest
    const isPublic = options.isPublic || wasPublic
    await cache.metadata.putTag(repository, tag, { descriptor: root, resolvedAt: Date.now(), isPublic })
    if (isPublic) onNamed?.(repository, tag)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init.close?.()
  }

  /** One that stands for something. */
  async #find(image: string): Promise<CachedImage & { digest: Digest; mediaType: string }> {
    const found = await this.#init.cache.images.find(imageOf(image))
    const { digest, mediaType } = found
    if (digest === undefined || mediaType === undefined) {
      throw new InvalidInputError('IMAGE_UNKNOWN', `${image} is pinned, but not in the cache yet`)
    }
    return { ...found, digest, mediaType }
  }
}

function imageOf(text: string): ImageReference | Digest {
  return isDigest(text) ? text : parseImageReference(text)
}
