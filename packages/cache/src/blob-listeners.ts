import type { Digest } from '@shoal/content'

type Listener = (digest: Digest) => void

/** Those who want to know of complete blobs that come and go on their own. */
export class BlobListeners {
  readonly #added = new Set<Listener>()
  readonly #removed = new Set<Listener>()

  onAdded(listener: Listener): () => void {
    this.#added.add(listener)
    return () => this.#added.delete(listener)
  }

  onRemoved(listener: Listener): () => void {
    this.#removed.add(listener)
    return () => this.#removed.delete(listener)
  }

  added(digest: Digest): void {
    for (const listener of this.#added) listener(digest)
  }

  removed(digest: Digest): void {
    for (const listener of this.#removed) listener(digest)
  }
}
