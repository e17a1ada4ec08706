import type { Readable } from 'node:stream'
import type { Connections } from './connections.ts'
import { networkFault } from './network-fault.ts'
import type { OriginInit, Timeouts } from './origin-init.ts'
import type { Subject } from './subject.ts'
import { untilAborted } from './until-aborted.ts'
import type { Upstream } from './upstream-table.ts'

export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>
export type HttpBody = Readable & {
  /** Reads and drops a rest of at most so many bytes. */
  dump(options: { limit: number; signal: AbortSignal }): Promise<void>
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** The named upstream that the host belongs to; without one only public addresses are dialled. */
  readonly via: Upstream | undefined
  readonly subject: Subject
  readonly body?: string
  readonly signal?: AbortSignal | undefined
}

/** An answer whose body is still on the way. Whoever gets it reads the body, or ends it (`body.ts`). */
export interface HttpAnswer {
  readonly url: URL
  readonly status: number
  readonly headers: HttpHeaders
  readonly body: HttpBody
}

/** Sends single requests: no redirects, no authorization, no retries. */
export class HttpClient {
  readonly timeouts: Timeouts
  readonly #connections: Connections
  readonly #userAgent: string

  constructor(init: OriginInit, timeouts: Timeouts, connections: Connections) {
    this.timeouts = timeouts
    this.#connections = connections
    this.#userAgent = init.userAgent ?? 'shoal'
  }

  /**
   * Resolves when the head of the answer is there. The signal also ends the body.
   *
   * @throws AttemptError, or the signal's reason
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { method, url, subject, signal } = request
    signal?.throwIfAborted()
    const { answerMs } = this.timeouts
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(new Error(`no answer within ${answerMs} ms`)), answerMs)
    const ended = AbortSignal.any(signal === undefined ? [deadline.signal] : [deadline.signal, signal])
    try {
      const asked = this.#connections.dispatcherFor(request.via).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        ...(request.body === undefined ? {} : { body: request.body }),
        // Digests are of the bytes as they were pushed.
        headers: { ...request.headers, 'user-agent': this.#userAgent, 'accept-encoding': 'identity' },
        signal: ended,
      })
      // A pool looks at the signal of a request only once it has a connection for it.
      const answer = await untilAborted(asked, ended)
      return { url, status: answer.statusCode, headers: answer.headers, body: answer.body }
    } catch (error) {
      signal?.throwIfAborted()
      throw networkFault(error, subject, url)
    } finally {
      clearTimeout(timer)
    }
  }
}
