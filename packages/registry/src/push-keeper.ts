import type { Digest, PushAnswer, Upload, UploadStore } from '@shoal/content'
import type { ReportDegraded } from './events.ts'
import { discardUpload, PushRecording } from './push-recording.ts'
import { pushStepOf, uploadKey } from './push-step.ts'
import type { PushRoute } from './router.ts'

/** Uploads that are kept at the same time; further ones go through without. */
const maxUploads = 64
/** An upload that the client does not go on with for so long is not kept any longer. */
const idleMs = 10 * 60_000

/** What becomes of one request of a push. */
export interface FollowedPush {
  /** The request's body, kept as it is read. */
  readonly body: AsyncIterable<Uint8Array>
  /** Tells what the registry answered; the digest of what the cache has of it now. Never throws. */
  answered(answer: PushAnswer): Promise<Digest | undefined>
  /** The registry did not answer. */
  failed(): void
}

export interface PushedRequest {
  readonly body: AsyncIterable<Uint8Array>
  readonly contentType: string | undefined
  readonly contentRange: string | undefined
}

/** An upload between two requests. */
interface Waiting {
  /** Undefined before its first byte. */
  readonly upload: Upload | undefined
  readonly timer: NodeJS.Timeout
}

/**
 * Keeps what is pushed through this node as it goes by, so that the swarm has it before anybody pulls and the registry
 * need not send it: the bytes of each upload, until the registry took them under a digest that is theirs. Whatever fails
 * here, the push goes on.
 */
export class PushKeeper {
  readonly #uploads: UploadStore | undefined
  readonly #report: ReportDegraded
  readonly #waiting = new Map<string, Waiting>()
  #following = 0
  #isClosed = false

  /** @param init.uploads - undefined keeps nothing */
  constructor(init: { readonly uploads: UploadStore | undefined; readonly report: ReportDegraded }) {
    this.#uploads = init.uploads
    this.#report = init.report
  }

  /** Follows one request to its answer. */
  follow(route: PushRoute, request: PushedRequest): FollowedPush {
    const step = pushStepOf(route, request.contentType)
    const before = step?.key === undefined ? undefined : this.#take(step.key)
    const isUnknown = step?.key !== undefined && before === undefined
    if (this.#uploads === undefined || this.#isClosed || step === undefined || isUnknown || this.#isFull) {
      discardUpload(before?.upload, this.#report)
      return { body: request.body, failed() {}, answered: async (answer) => this.#begin(route, answer) }
    }
    const init = { uploads: this.#uploads, report: this.#report, upload: before?.upload, step }
    const recording = new PushRecording(init)
    if (!goesOn(request, before?.upload)) recording.drop()
    this.#following++
    return {
      body: recording.follow(request.body),
      failed: () => {
        this.#following--
        recording.drop()
      },
      answered: async (answer) => {
        this.#following--
        if (answer.status === 201) return recording.commit(answer)
        const kept = answer.status === 202 && !step.isLast ? recording.handOver() : undefined
        if (kept !== undefined) this.#wait(route, answer, kept.upload)
        else recording.drop()
        return this.#begin(route, answer)
      },
    }
  }

  /** Keeps nothing more. */
  close(): void {
    this.#isClosed = true
    for (const key of [...this.#waiting.keys()]) this.#forget(key)
  }

  get #isFull(): boolean {
    return this.#waiting.size + this.#following >= maxUploads
  }

  #begin(route: PushRoute, answer: PushAnswer): undefined {
    if (route.method === 'DELETE') this.#forget(uploadKey(route, route.path))
    if (route.method === 'POST' && answer.status === 202) this.#wait(route, answer, undefined)
  }

  #wait(route: PushRoute, { continuesAt }: PushAnswer, upload: Upload | undefined): void {
    if (continuesAt === undefined || this.#isClosed || this.#uploads === undefined || this.#isFull) {
      discardUpload(upload, this.#report)
      return
    }
    const key = uploadKey(route, continuesAt.path)
    this.#forget(key)
    const timer = setTimeout(() => this.#forget(key), idleMs).unref()
    this.#waiting.set(key, { upload, timer })
  }

  #take(key: string): Waiting | undefined {
    const waiting = this.#waiting.get(key)
    clearTimeout(waiting?.timer)
    this.#waiting.delete(key)
    return waiting
  }

  #forget(key: string): void {
    discardUpload(this.#take(key)?.upload, this.#report)
  }
}

/** Whether a request's bytes follow those that are kept. */
function goesOn({ contentRange }: PushedRequest, upload: Upload | undefined): boolean {
  const [, start] = /^(?:bytes[ =])?(\d+)-/.exec(contentRange ?? '') ?? []
  return start === undefined || Number(start) === (upload?.size ?? 0)
}
