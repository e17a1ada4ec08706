import { ofPlatform, type PlatformDescriptor } from '@shoal/content'
import { Deadline } from './deadline.ts'

/** Indexes that clients got within the time that a manifest takes; what is beyond is fetched when it is asked for. */
const maxAtOnce = 32

export type LoadManifest = (
  manifest: PlatformDescriptor,
  options: { readonly signal: AbortSignal },
) => Promise<unknown>

/**
 * Fetches what a client of this node asks for next, once it has an index: the manifest for the node's platform. So it
 * comes while the client reads the index, instead of after.
 */
export class ManifestsAhead {
  readonly #timeoutMs: number
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  /** @param timeoutMs - in which a manifest has to be here */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** Does not wait. What fails is told to whoever asks for it. */
  fetch(manifests: readonly PlatformDescriptor[], load: LoadManifest): void {
    const next = ofPlatform(manifests)
    if (next === undefined || this.#closing.signal.aborted || this.#running.size >= maxAtOnce) return
    const running = this.#load(next, load)
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
  }

  /** Ends what is under way. */
  async close(reason: Error): Promise<void> {
    this.#closing.abort(reason)
    await Promise.all(this.#running)
  }

  async #load(manifest: PlatformDescriptor, load: LoadManifest): Promise<void> {
    using deadline = new Deadline({
      what: 'the manifest of an index',
      afterMs: this.#timeoutMs,
      parent: this.#closing.signal,
    })
    // A client that asks for it meets the same fault, and hears of it.
    await Promise.allSettled([load(manifest, { signal: deadline.signal })])
  }
}
