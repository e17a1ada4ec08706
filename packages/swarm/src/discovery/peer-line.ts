import { type AbortOptions, ShoalError } from '@shoal/content'
import { abortable } from '../host/abortable.ts'
import { StreamClosedError } from '../host/errors.ts'
import type { MessageStream } from '../host/message-stream.ts'

/** kad-dht resets a stream on which nothing came for 10 s; it is closed well before. */
const idleMs = 5_000
/** Requests that wait for their turn: those who ask more of one peer go to others. */
const maxWaiting = 64

export interface PeerLineInit {
  readonly open: (options: AbortOptions) => Promise<MessageStream>
  /** Called when the line has closed its stream for want of use, or was stopped. */
  readonly onIdle: () => void
}

/** Questions and answers to one peer, one after the other, on a stream that is opened when needed and kept for a while. */
export class PeerLine {
  readonly #init: PeerLineInit
  #stream: MessageStream | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #idle: NodeJS.Timeout | undefined

  constructor(init: PeerLineInit) {
    this.#init = init
  }

  /**
   * Sends messages of which the last is answered; the answer.
   *
   * @throws PeerUnreachableError, StreamClosedError, or the signal's reason
   */
  async request(messages: readonly Uint8Array[], options: AbortOptions): Promise<Uint8Array> {
    if (this.#waiting >= maxWaiting)
      throw new ShoalError('PEER_BUSY', `${maxWaiting} requests wait for the peer`)
    this.#waiting++
    clearTimeout(this.#idle)
    const turn = this.#last.then(() => this.#exchange(messages, options))
    this.#last = Promise.allSettled([turn])
    try {
      return await abortable(turn, options.signal)
    } finally {
      if (--this.#waiting === 0) this.#idle = setTimeout(() => void this.#close(), idleMs).unref()
    }
  }

  stop(): void {
    clearTimeout(this.#idle)
    this.#stream?.abort(new Error('the host is stopping'))
    this.#init.onIdle()
  }

  async #exchange(messages: readonly Uint8Array[], options: AbortOptions): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    const kept = this.#stream
    if (kept !== undefined && !kept.closed) {
      try {
        return await this.#on(kept, messages, options)
      } catch (error) {
        // The peer may have closed it meanwhile; all that is sent here can be sent twice.
        if (!(error instanceof StreamClosedError)) throw error
      }
    }
    this.#stream = await this.#init.open(options)
    return this.#on(this.#stream, messages, options)
  }

  async #on(
    stream: MessageStream,
    messages: readonly Uint8Array[],
    options: AbortOptions,
  ): Promise<Uint8Array> {
    try {
      for (const message of messages) await stream.send(message, options)
      const answer = await stream.read(options)
      if (answer === undefined)
        throw new StreamClosedError(`${stream.peer} closed the stream without an answer`)
      return answer
    } catch (error) {
      // An answer that comes later would be taken for that to the next question.
      stream.abort(error as Error)
      this.#stream = undefined
      throw error
    }
  }

  async #close(): Promise<void> {
    const stream = this.#stream
    this.#stream = undefined
    this.#init.onIdle()
    await stream?.close()
  }
}
