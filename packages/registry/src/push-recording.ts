import { type Digest, isDigest, type PushAnswer, type Upload, type UploadStore } from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import type { PushStep } from './push-step.ts'

/** A disk that takes longer for a piece keeps the push waiting no more. */
const appendMs = 5_000
/** For the hash of what was pushed; a client waits no longer for it. */
const commitMs = 10_000

export interface PushRecordingInit {
  readonly uploads: UploadStore
  readonly report: ReportDegraded
  /** What requests before left; undefined before the first byte. */
  readonly upload: Upload | undefined
  readonly step: PushStep
}

/** The bytes of one request, on their way to the registry and to the disk. Whatever fails here, the push goes on. */
export class PushRecording {
  readonly #init: PushRecordingInit
  #upload: Upload | undefined
  #isDropped = false
  /** Whether the request's body came to its end, or was not begun. */
  #isWhole = true

  constructor(init: PushRecordingInit) {
    this.#init = init
    this.#upload = init.upload
  }

  /** The body, each piece kept before it goes on. */
  async *follow(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#isWhole = false
    for await (const piece of body) {
      if (!this.#isDropped) await this.#keep(piece)
      yield piece
    }
    this.#isWhole = true
  }

  /** What the next request goes on with; undefined when nothing is kept of it. */
  handOver(): { readonly upload: Upload | undefined } | undefined {
    if (!this.#isWhole) this.drop()
    if (this.#isDropped) return undefined
    const upload = this.#upload
    this.#upload = undefined
    this.#isDropped = true
    return { upload }
  }

  drop(): void {
    this.#isDropped = true
    discardUpload(this.#upload, this.#init.report)
    this.#upload = undefined
  }

  /** The registry took it: it becomes a blob of the cache, if it has the digest under which it was taken. */
  async commit({ headers }: PushAnswer): Promise<Digest | undefined> {
    const { step, report } = this.#init
    const digest = headers['docker-content-digest'] ?? step.digest ?? ''
    const isAgreed = isDigest(digest) && (step.digest ?? digest) === digest
    const upload = this.handOver()?.upload
    if (upload === undefined || !isAgreed) {
      discardUpload(upload, report)
      return undefined
    }
    using deadline = new Deadline({ what: 'keeping what was pushed', afterMs: commitMs })
    try {
      const { size } = upload
      await abortable(upload.commit({ digest, size, mediaType: step.mediaType }), deadline.signal)
      return digest
    } catch (error) {
      report('keep what was pushed', error)
      return undefined
    }
  }

  async #keep(piece: Uint8Array): Promise<void> {
    using deadline = new Deadline({ what: 'writing what is pushed', afterMs: appendMs })
    try {
      await abortable(this.#append(piece), deadline.signal)
    } catch (error) {
      this.#init.report('keep what is pushed', error)
      this.drop()
    }
  }

  async #append(piece: Uint8Array): Promise<void> {
    const upload = this.#upload ?? (await this.#init.uploads.begin())
    // It took so long that the push went on without.
    if (this.#isDropped) return discardUpload(upload, this.#init.report)
    this.#upload = upload
    await upload.append(piece)
  }
}

/** Does not wait for it, because its disk may be stuck. */
export function discardUpload(upload: Upload | undefined, report: ReportDegraded): void {
  upload?.discard().catch((error) => report('discard what was pushed', error))
}
