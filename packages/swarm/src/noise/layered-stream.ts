import type { AbortOptions, MessageStream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { AbstractMessageStream } from '@libp2p/utils'

/**
 * A stream on top of another, from which its state follows: closed, reset, drained and paused with it. What becomes
 * of the bytes is for the subclasses.
 */
export abstract class LayeredStream extends AbstractMessageStream {
  protected readonly lower: MessageStream

  constructor(lower: MessageStream) {
    super({
      log: lower.log,
      inactivityTimeout: lower.inactivityTimeout,
      maxReadBufferLength: lower.maxReadBufferLength,
      direction: lower.direction,
    })
    this.lower = lower
    lower.addEventListener('close', this.#onClose)
    lower.addEventListener('drain', this.#onDrain)
    lower.addEventListener('remoteCloseWrite', this.#onLowerRemoteCloseWrite)
    lower.addEventListener('message', this.#onMessage)
  }

  /** Lets go of the stream below, which lives on. */
  detach(): void {
    this.lower.removeEventListener('close', this.#onClose)
    this.lower.removeEventListener('drain', this.#onDrain)
    this.lower.removeEventListener('remoteCloseWrite', this.#onLowerRemoteCloseWrite)
    this.ignoreMessages()
  }

  close(options?: AbortOptions): Promise<void> {
    return this.lower.close(options)
  }

  sendReset(error: Error): void {
    this.lower.abort(error)
  }

  sendPause(): void {
    this.lower.pause()
  }

  sendResume(): void {
    this.lower.resume()
  }

  /** Bytes came in from below. What this throws aborts both streams. */
  protected abstract receive(data: StreamMessageEvent['data']): void

  /** What comes from now on is left to others. */
  protected ignoreMessages(): void {
    this.lower.removeEventListener('message', this.#onMessage)
  }

  /** Takes what came in from below in another way than by an event. */
  protected arrived(data: StreamMessageEvent['data']): void {
    try {
      this.receive(data)
    } catch (error) {
      this.abort(error as Error)
    }
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => this.arrived(data)

  readonly #onClose = ({ error, local }: StreamCloseEvent): void => {
    if (error === undefined) this.onTransportClosed()
    else if (local === true) this.abort(error)
    else this.onRemoteReset()
  }

  readonly #onDrain = (): void => {
    this.safeDispatchEvent('drain')
  }

  readonly #onLowerRemoteCloseWrite = (): void => this.onRemoteCloseWrite()
}
