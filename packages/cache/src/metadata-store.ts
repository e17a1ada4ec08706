import type { Descriptor, Digest, MetadataStore, Repository, TagRecord } from '@shoal/content'
import type { CacheIndex } from './cache-index.ts'

/** Tags and descriptors as rows of the index. A damaged row counts as absent. */
export class LevelMetadataStore implements MetadataStore {
  readonly #index: CacheIndex
  readonly #now: () => number

  constructor(index: CacheIndex, now: () => number) {
    this.#index = index
    this.#now = now
  }

  getTag(repository: Repository, tag: string): Promise<TagRecord | undefined> {
    return this.#index.tags.get(tagOf(repository, tag))
  }

  async putTag(
    repository: Repository,
    tag: string,
    { descriptor, resolvedAt, isPublic }: TagRecord,
  ): Promise<void> {
    const { digest, size, mediaType } = descriptor
    const record = { descriptor: { digest, size, mediaType }, resolvedAt, isPublic }
    await this.#index.commit([this.#index.tags.put(tagOf(repository, tag), record)])
  }

  async getDescriptor(digest: Digest): Promise<Descriptor | undefined> {
    const row = await this.#index.descriptors.get(digest)
    return row && { digest, ...row }
  }

  async putDescriptors(descriptors: readonly Descriptor[]): Promise<void> {
    const rows = descriptors.map(({ digest, size, mediaType }) =>
      this.#index.descriptors.put(digest, { size, mediaType }),
    )
    if (rows.length > 0) await this.#index.commit(rows)
  }

  async nameManifest({ registry, name }: Repository, digest: Digest): Promise<void> {
    const key = `${digest}/${registry}/${name}`
    if ((await this.#index.names.get(key)) !== undefined) return
    await this.#index.commit([this.#index.names.put(key, this.#now())])
  }

  async isProven(digest: Digest, registry: string): Promise<boolean> {
    return (await this.#index.proofs.get(`${digest}/${registry}`)) !== undefined
  }

  async recordProof(digest: Digest, registry: string): Promise<void> {
    await this.#index.commit([this.#index.proofs.put(`${digest}/${registry}`, this.#now())])
  }

  async partialOf(digest: Digest): Promise<string | undefined> {
    const row = await this.#index.partialOrigins.get(digest)
    return row && Buffer.from(row).toString()
  }

  async recordPartial(digest: Digest, registry: string): Promise<void> {
    await this.#index.commit([this.#index.partialOrigins.put(digest, Buffer.from(registry))])
  }
}

/** JSON, because no two lists of strings have the same text, whatever characters are in them. */
export function tagOf({ registry, name }: Repository, tag: string): string {
  return JSON.stringify([registry, name, tag])
}
