import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import type { AbortOptions } from '@shoal/content'
import { Uint8ArrayList } from 'uint8arraylist'
import { StreamClosedError } from './errors.ts'

export interface StreamReaderInit {
  /** Bytes waiting here above which the remote is asked to stop. */
  readonly highWaterBytes: number
}

/**
 * The bytes that arrive on a libp2p stream, kept until someone takes them, with back-pressure to the sender.
 *
 * libp2p 3's own iterators have none, lose the tail of a stream that was paused, and end without an error when the
 * stream was reset; so this listens to the events. Bytes can be lost only together with an error.
 */
export class StreamReader {
  readonly #stream: Stream
  readonly #highWaterBytes: number
  readonly #arrived = new Uint8ArrayList()
  #error: Error | undefined
  /** The remote said that it has sent everything. When its connection breaks, libp2p ends the stream as well. */
  #isComplete: boolean
  #wake: (() => void) | undefined
  #resuming = false

  constructor(stream: Stream, init: StreamReaderInit) {
    this.#stream = stream
    this.#highWaterBytes = init.highWaterBytes
    this.#isComplete = stream.status === 'open' && stream.remoteWriteStatus === 'closed'
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteCloseWrite)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('close', this.#onClose)
  }

  /** What has arrived and was not taken. Take from it with {@link consume}. */
  get arrived(): Uint8ArrayList {
    return this.#arrived
  }

  /** Takes `bytes` off the front and lets the sender go on if it was held up. */
  consume(bytes: number): void {
    this.#arrived.consume(bytes)
    this.#settle()
  }

  /**
   * Waits until more has arrived. False at the end of the stream, when nothing more will come.
   *
   * @throws StreamClosedError after a reset, an abort, the loss of the connection, or `stallTimeoutMs` without a byte
   */
  async more(options: AbortOptions & { stallTimeoutMs?: number } = {}): Promise<boolean> {
    const before = this.#arrived.byteLength
    while (true) {
      options.signal?.throwIfAborted()
      this.#settle()
      if (this.#arrived.byteLength > before) return true
      if (this.#hasFailed()) {
        throw new StreamClosedError('the stream was reset', { cause: this.#error })
      }
      if (this.#stream.readableEnded) {
        if (this.#isComplete) return false
        throw new StreamClosedError('the connection was lost')
      }
      await this.#waitForEvent(options.signal, options.stallTimeoutMs)
    }
  }

  #hasFailed(): boolean {
    const { status } = this.#stream
    return this.#error !== undefined || status === 'reset' || status === 'aborted'
  }

  async #waitForEvent(signal: AbortSignal | undefined, stallTimeoutMs: number | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = stallTimeoutMs === undefined ? undefined : setTimeout(() => this.#onStall(), stallTimeoutMs)
    this.#wake = resolve
    signal?.addEventListener('abort', this.#notify)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', this.#notify)
    }
  }

  /** Holds the sender up above the high-water mark, and lets it go on below. */
  #settle(): void {
    if (this.#resuming) return // A pause here would be undone by the resume() that is dispatching.
    if (this.#stream.readStatus === 'paused' && this.#arrived.byteLength < this.#highWaterBytes)
      this.#resume()
    this.#pauseIfFull()
  }

  #pauseIfFull(): void {
    if (this.#arrived.byteLength < this.#highWaterBytes) return
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  #resume(): void {
    this.#resuming = true
    try {
      this.#stream.resume()
    } catch (error) {
      // What was buffered has been dispatched; only the window update could not be sent. That matters only
      // while the connection lives, and its end shows in the stream's status.
      if (this.#stream.status === 'open') throw error
    } finally {
      this.#resuming = false
    }
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    this.#arrived.append(data)
    this.#settle()
    this.#notify()
  }

  readonly #onRemoteCloseWrite = (): void => {
    this.#isComplete = true
  }

  readonly #onEnd = (): void => this.#notify()

  readonly #onClose = (event: Event & { error?: Error }): void => {
    this.#error ??= event.error
    this.#notify()
  }

  readonly #notify = (): void => {
    this.#wake?.()
    this.#wake = undefined
  }

  #onStall(): void {
    this.#error ??= new StreamClosedError('the remote stopped sending')
    this.#stream.abort(this.#error)
    this.#notify()
  }
}
