import type { Descriptor, Digest } from '@shoal/content'
import type { ManifestReferences } from './row.ts'

/** A name, and the manifest or index that it stands for. */
export interface NamedImage {
  /** As {@link formatImageReference} writes it. */
  readonly name: string
  readonly root: Descriptor
  readonly pinned: boolean
}

/** What is here of an image. Bytes. */
export interface ImageContent {
  /** Of the platforms of which anything is here, all that they consist of. */
  readonly size: number
  /** What of it is here. */
  readonly held: number
  /** At least one platform can be run without fetching anything. */
  readonly complete: boolean
  /** The platforms that are complete, as `os/architecture[/variant]`; none is named when there is no index. */
  readonly platforms: readonly string[]
}

/** Which image consists of what: manifests refer to manifests and to blobs. */
export class ImageGraph {
  readonly #references: ReadonlyMap<Digest, ManifestReferences>

  constructor(references: ReadonlyMap<Digest, ManifestReferences>) {
    this.#references = references
  }

  /** The manifests that are known, whether or not their bytes are here. */
  manifests(): Iterable<Digest> {
    return this.#references.keys()
  }

  /** Everything that the roots lead to, themselves among it. */
  reachable(roots: Iterable<Digest>): Set<Digest> {
    const reached = new Set<Digest>()
    const waiting = [...roots]
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (reached.has(digest)) continue
      reached.add(digest)
      for (const { digest: child } of this.#childrenOf(digest)) waiting.push(child)
    }
    return reached
  }

  /** @param isHere - whether a complete blob of that digest is in the cache */
  contentOf(root: Descriptor, isHere: (digest: Digest) => boolean): ImageContent {
    const { manifests = [], blobs = [] } = this.#references.get(root.digest) ?? {}
    const begun = manifests.filter(({ digest }) => this.#references.has(digest))
    const parts = new Map<Digest, number>([[root.digest, root.size]])
    for (const { digest, size } of blobs) parts.set(digest, size)
    const platforms: string[] = []
    let complete = manifests.length === 0 && this.#isWhole(root.digest, isHere)
    for (const manifest of begun) {
      const children = this.#childrenOf(manifest.digest)
      // Someone only looked at it: what he did not fetch is not missing.
      if (!children.some(({ digest }) => isHere(digest))) continue
      for (const { digest, size } of [manifest, ...children]) parts.set(digest, size)
      if (!this.#isWhole(manifest.digest, isHere) || !isHere(root.digest)) continue
      complete = true
      if (manifest.platform !== undefined) platforms.push(manifest.platform)
    }
    let size = 0
    let held = 0
    for (const [digest, bytes] of parts) {
      size += bytes
      if (isHere(digest)) held += bytes
    }
    return { size, held, complete, platforms }
  }

  #isWhole(manifest: Digest, isHere: (digest: Digest) => boolean): boolean {
    const isKnown = this.#references.has(manifest)
    return isKnown && isHere(manifest) && this.#childrenOf(manifest).every(({ digest }) => isHere(digest))
  }

  #childrenOf(digest: Digest): readonly Descriptor[] {
    const { manifests = [], blobs = [] } = this.#references.get(digest) ?? {}
    return [...manifests, ...blobs]
  }
}
