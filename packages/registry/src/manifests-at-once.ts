import type { MetadataStore, Repository, UploadStore } from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import type { LoadedManifest } from './manifest-loader.ts'
import { discardUpload } from './push-recording.ts'
import type { RepositoryRoute } from './router.ts'

/** For a look into the index; what takes longer saves nothing. */
const lookUpMs = 100
/** For the disk to take a manifest. */
const keepMs = 10_000

export interface ManifestsAtOnceComponents {
  readonly metadata: MetadataStore
  /** Undefined keeps nothing, so that nothing is asked for at once. */
  readonly uploads: UploadStore | undefined
  /** Whether no other node could have a manifest. */
  readonly isAlone: () => boolean
  readonly report: ReportDegraded
}

/**
 * Manifests that the registry sends when it is asked what their tag stands for, in place of a HEAD and a GET: a node with
 * nobody to ask gives its client the first byte a round trip earlier. Where there are others a HEAD is better, which
 * registries do not count as a pull: one node gets the manifest then, for all. So it is for a tag that the node has known
 * before, whose manifest is most likely here.
 */
export class ManifestsAtOnce {
  readonly #components: ManifestsAtOnceComponents
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(components: ManifestsAtOnceComponents) {
    this.#components = components
  }

  /** Whether the registry had better be asked for the manifest itself. Never throws. */
  async suits(route: RepositoryRoute, { isHead }: { readonly isHead: boolean }): Promise<boolean> {
    const { metadata, uploads, isAlone, report } = this.#components
    if (isHead || route.kind !== 'manifest' || !('tag' in route.reference)) return false
    if (uploads === undefined || this.#closing.signal.aborted || !isAlone()) return false
    try {
      using deadline = new Deadline({ what: 'looking up a tag', afterMs: lookUpMs })
      const known = metadata.getTag(route.repository, route.reference.tag)
      return (await abortable(known, deadline.signal)) === undefined
    } catch (error) {
      report('look up tag', error)
      return false
    }
  }

  /** Puts one that came this way in the cache. Does not wait: the client has it already. */
  keep(repository: Repository, manifest: LoadedManifest): void {
    if (this.#closing.signal.aborted) return
    const running = this.#keep(repository, manifest).catch((error) =>
      this.#components.report('keep manifest', error),
    )
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
  }

  /** Ends what is under way. */
  async close(reason: Error): Promise<void> {
    this.#closing.abort(reason)
    await Promise.all(this.#running)
  }

  async #keep({ registry }: Repository, { digest, bytes, mediaType }: LoadedManifest): Promise<void> {
    const { metadata, uploads, report } = this.#components
    using deadline = new Deadline({
      what: 'keeping a manifest',
      afterMs: keepMs,
      parent: this.#closing.signal,
    })
    const beginning = uploads?.begin()
    if (beginning === undefined) return
    const keeping = beginning.then(async (upload) => {
      try {
        await upload.append(bytes)
        // The registry sent these very bytes: whoever finds them here need not ask it for a proof.
        await metadata.recordProof(digest, registry)
      } catch (error) {
        discardUpload(upload, report)
        throw error
      }
      await upload.commit({ digest, size: bytes.length, mediaType })
    })
    await abortable(keeping, deadline.signal)
  }
}
