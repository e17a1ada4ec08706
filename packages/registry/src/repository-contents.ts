import type { Digest, Repository } from '@shoal/content'
import { LRUCache } from 'lru-cache'

/** Of all repositories together; an image of ten layers is a dozen. */
const maxEntries = 50_000

/**
 * Which content is known to belong to which repository: its registry said so, or a manifest that belongs to it refers to
 * it. Content is served in a repository only when it belongs there, because that is what access is granted to: a digest
 * alone opens nothing.
 */
export class RepositoryContents {
  readonly #known = new LRUCache<string, true>({ max: maxEntries })
  readonly #claimed = new LRUCache<string, true>({ max: maxEntries })

  add(repository: Repository, digests: Iterable<Digest>): void {
    for (const digest of digests) this.#known.set(keyOf(repository, digest), true)
  }

  /** What an index says that its repository has. Some registries take one without, so it is not taken for true. */
  claim(repository: Repository, digests: Iterable<Digest>): void {
    for (const digest of digests) this.#claimed.set(keyOf(repository, digest), true)
  }

  /** Forgets all of a repository. */
  forget(repository: Repository): void {
    const prefix = keyOf(repository, '')
    for (const digests of [this.#known, this.#claimed]) {
      for (const key of digests.keys()) if (key.startsWith(prefix)) digests.delete(key)
    }
  }

  has(repository: Repository, digest: Digest): boolean {
    return this.#known.get(keyOf(repository, digest)) === true
  }

  isClaimed(repository: Repository, digest: Digest): boolean {
    return this.#claimed.get(keyOf(repository, digest)) === true
  }
}

function keyOf({ registry, name }: Repository, digest: Digest | ''): string {
  return `${registry}/${name}@${digest}`
}
