import type { Stream } from '@libp2p/interface'
import { type AbortOptions, freeMemory, InvalidInputError } from '@shoal/content'
import { pipe } from 'it-pipe'
import * as varint from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import { abortable } from './abortable.ts'
import { StreamClosedError } from './errors.ts'
import { StreamReader } from './stream-reader.ts'
import { writeTo } from './stream-writer.ts'

export { StreamClosedError }

const defaultMaxMessageBytes = 64 * 1024
/** Bytes waiting to be read above which the remote is held up. Up to two windows can come on top. */
const readHighWaterBytes = 1024 * 1024
/**
 * A piece of what is sent. yamux delivers a frame only when it is whole, so pieces must be small; and with yamux's header
 * of 12 bytes this one fills exactly four frames of Noise (65,519 bytes), where 256 KiB would need a fifth.
 */
export const pieceBytes = 4 * 65_519 - 12
/** Messages are at most a few MiB: longer length prefixes than this are garbage. */
const maxLengthPrefixBytes = 4
/** A remote that moves nothing for so long, while we wait for it in the middle of a transfer, has gone. */
const defaultStallTimeoutMs = 30_000
const closeTimeoutMs = 5_000
const nothing = new Uint8Array(0)

export interface BodyOptions extends AbortOptions {
  /** What is sent in one piece at the most: of a piece the remote sees nothing before it has all. @default 262064 */
  readonly pieceBytes?: number
}

export interface ReadBodyOptions extends AbortOptions {
  /** Is told how many more bytes are there, as they come. */
  readonly onBytes?: (bytes: number) => void
}

export interface MessageStreamInit {
  /** Id of the peer at the other end. */
  readonly peer: string
  /** Longest message to accept. @default 65536 */
  readonly maxMessageBytes?: number | undefined
  /** Longest wait for the remote in the middle of a body or a send, in milliseconds. @default 30000 */
  readonly stallTimeoutMs?: number | undefined
}

/**
 * Length-delimited messages, and raw bodies after them, over one libp2p stream; back-pressure both ways. What is
 * read is complete and in order, or the read throws.
 *
 * One reader at a time. Sends may overlap: they go out in the order of the calls, each in one piece. What is sent
 * must not be changed until the send resolves.
 */
export class MessageStream {
  readonly peer: string
  readonly #stream: Stream
  readonly #reader: StreamReader
  readonly #maxMessageBytes: number
  readonly #stallTimeoutMs: number
  #lastSend: Promise<unknown> = Promise.resolve()

  constructor(stream: Stream, init: MessageStreamInit) {
    this.peer = init.peer
    this.#stream = stream
    this.#maxMessageBytes = init.maxMessageBytes ?? defaultMaxMessageBytes
    this.#stallTimeoutMs = init.stallTimeoutMs ?? defaultStallTimeoutMs
    this.#reader = new StreamReader(stream, {
      // A message that is longer than the mark would never arrive whole.
      highWaterBytes: Math.max(readHighWaterBytes, this.#maxMessageBytes + maxLengthPrefixBytes),
    })
  }

  /**
   * The next message, or undefined when the remote closed the stream after a whole one. Can be aborted and called
   * again without loss.
   *
   * @throws StreamClosedError when the stream was reset, or ended inside a message
   * @throws InvalidInputError `MESSAGE_TOO_LONG`; the stream is aborted
   */
  async read(options: AbortOptions = {}): Promise<Uint8Array | undefined> {
    const { arrived } = this.#reader
    while (true) {
      const prefix = this.#lengthPrefix()
      if (prefix !== undefined && arrived.byteLength >= prefix.bytes + prefix.value) {
        const message = arrived.slice(prefix.bytes, prefix.bytes + prefix.value)
        this.#reader.consume(prefix.bytes + prefix.value)
        return message
      }
      if (await this.#reader.more(options)) continue
      if (arrived.byteLength === 0) return undefined
      throw new StreamClosedError(`${this.peer} closed the stream in the middle of a message`)
    }
  }

  /**
   * Fills `target` with the raw bytes that follow the last message. When it throws, the stream is of no more use:
   * it is aborted.
   *
   * @throws StreamClosedError when the stream ended early, or nothing came for the stall timeout
   */
  async readBody(target: Uint8Array, { onBytes, ...options }: ReadBodyOptions = {}): Promise<void> {
    let filled = 0
    try {
      while (filled < target.byteLength) {
        const taken = this.#take(target.subarray(filled))
        filled += taken
        if (taken > 0) onBytes?.(taken)
        // Taking lets in what was held up, and then it may be full again: nothing more comes before that is taken.
        if (taken > 0) continue
        if (await this.#reader.more({ ...options, stallTimeoutMs: this.#stallTimeoutMs })) continue
        throw new StreamClosedError(
          `${this.peer} closed the stream after ${filled} of ${target.byteLength} bytes of a body`,
        )
      }
    } catch (error) {
      this.abort(error as Error)
      throw error
    }
  }

  /**
   * Sends a message. Resolves when the stream can take more.
   *
   * @throws StreamClosedError when the stream is closed, or the remote takes nothing for the stall timeout
   */
  send(message: Uint8Array, options: AbortOptions = {}): Promise<void> {
    return this.#enqueue(piecesOf(message, nothing, pieceBytes), options)
  }

  /**
   * Sends a message and the raw bytes of a body after it. Aborting it while it goes out aborts the stream.
   *
   * @throws StreamClosedError as {@link send}
   */
  sendWithBody(message: Uint8Array, body: Uint8Array, options: BodyOptions = {}): Promise<void> {
    return this.#enqueue(piecesOf(message, body, options.pieceBytes ?? pieceBytes), options)
  }

  get closed(): boolean {
    const { status } = this.#stream
    return status === 'closed' || status === 'aborted' || status === 'reset'
  }

  /** Calls `listener` once, when the stream is closed both ways; with the reason unless both closed it. */
  onClose(listener: (error?: Error) => void): void {
    if (this.closed) queueMicrotask(() => listener())
    else this.#stream.addEventListener('close', (event) => listener(event.error), { once: true })
  }

  /** Tells the remote that nothing more will be sent, after what is queued. Never throws: aborts when it can't. */
  async close(options: AbortOptions = {}): Promise<void> {
    try {
      // Each send that is queued has a deadline of its own.
      await this.#enqueue([], options)
      const deadline = AbortSignal.timeout(closeTimeoutMs)
      const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline])
      await this.#stream.close({ signal })
    } catch (error) {
      this.abort(error as Error)
    }
  }

  /** Closes the stream both ways at once and throws away what was not sent. */
  abort(error: Error): void {
    this.#stream.abort(error)
  }

  #enqueue(pieces: Iterable<Uint8ArrayList>, options: AbortOptions): Promise<void> {
    const turn = this.#lastSend.then(() => this.#write(pieces, options))
    this.#lastSend = Promise.allSettled([turn])
    return abortable(turn, options.signal)
  }

  async #write(pieces: Iterable<Uint8ArrayList>, options: AbortOptions): Promise<void> {
    let begun = false
    const counted = function* (): Generator<Uint8ArrayList> {
      for (const piece of pieces) {
        begun = true
        yield piece
      }
    }
    try {
      options.signal?.throwIfAborted()
      await pipe(counted(), (source) =>
        writeTo(this.#stream, source, {
          signal: options.signal,
          stallTimeoutMs: this.#stallTimeoutMs,
        }),
      )
    } catch (error) {
      // Half of a message may have gone out: nothing can follow it.
      if (begun || error instanceof StreamClosedError) this.abort(error as Error)
      throw error
    }
  }

  /** Moves what has arrived into `target`, as far as it goes. */
  #take(target: Uint8Array): number {
    let taken = 0
    const emptied: Uint8Array[] = []
    for (const piece of this.#reader.arrived) {
      if (taken === target.byteLength) break
      const part = piece.subarray(0, target.byteLength - taken)
      target.set(part, taken)
      taken += part.byteLength
      if (part.byteLength === piece.byteLength) emptied.push(piece)
    }
    if (taken > 0) this.#reader.consume(taken)
    // Most are a frame of Noise that was decrypted into memory of its own.
    for (const piece of emptied) freeMemory(piece)
    return taken
  }

  #lengthPrefix(): { value: number; bytes: number } | undefined {
    const { arrived } = this.#reader
    let value = 0
    for (let bytes = 0; bytes < maxLengthPrefixBytes; bytes++) {
      if (bytes === arrived.byteLength) return undefined
      const byte = arrived.get(bytes)
      value += (byte & 0x7f) * 2 ** (7 * bytes)
      if (value > this.#maxMessageBytes) break
      if (byte < 0x80) return { value, bytes: bytes + 1 }
    }
    const error = new InvalidInputError(
      'MESSAGE_TOO_LONG',
      `${this.peer} announced a message of more than ${this.#maxMessageBytes} bytes`,
    )
    this.abort(error)
    throw error
  }
}

/** Message and body are cut as one, so that a small body costs no frame of its own. */
function* piecesOf(message: Uint8Array, body: Uint8Array, longest: number): Generator<Uint8ArrayList> {
  const all = new Uint8ArrayList(varint.encode(message.byteLength), message, body)
  for (let start = 0; start < all.byteLength; start += longest) {
    yield all.sublist(start, Math.min(start + longest, all.byteLength))
  }
}
