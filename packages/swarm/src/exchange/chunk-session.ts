import { type AbortOptions, ChunkLayout, ChunkSet, freeMemory, InvalidInputError } from '@shoal/content'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import type { WantedBlob } from '../wanted-blob.ts'
import { type ChunkHeader, ExchangeReply, ExchangeRequest } from '../wire/exchange.ts'
import { areApart, zoneField } from '../zones.ts'
import { exchangeProtocol, maxExchangeMessageBytes } from './exchange-protocol.ts'

/** What a peer says it has of a blob. A claim. */
export interface PeerHolding {
  readonly size: number
  readonly mediaType: string
  readonly chunks: ChunkSet
  /** It is in another zone. */
  readonly isFar: boolean
  /** All of it may be given to clients of the registry that was named, as far as the peer knows. */
  readonly isOfRegistry: boolean
}

/** A chunk as a peer sent it, with the hash that the peer says it has. */
export interface ReceivedChunk {
  readonly index: number
  readonly bytes: Uint8Array
  readonly claimedHash: Uint8Array
}

export interface ChunkSessionEvents {
  onHave(indexes: readonly number[]): void
  /** Some bytes of a chunk came in. */
  onProgress(bytes: number): void
  /** The session reads on only when this resolves: that is the back-pressure. Then the chunk's memory is freed. */
  onChunk(chunk: ReceivedChunk): Promise<void>
  onRefused(index: number): void
  /** The peer's slots are taken: we wait in line for one, and these chunks do not come. */
  onBusy(indexes: readonly number[]): void
  /** The peer has a slot for us: one chunk may be asked for, or {@link ChunkSession.decline} called. */
  onGranted(): void
  /** Once, whoever ended it. */
  onEnd(error?: Error): void
}

/**
 * The requester's end of an exchange stream: one peer, one blob.
 *
 * @throws InvalidInputError `PROTOCOL` (through onEnd) when the peer sends what was not asked for
 */
export class ChunkSession {
  readonly peer: string
  readonly holding: PeerHolding
  readonly #stream: MessageStream
  readonly #layout: ChunkLayout
  readonly #wanted = new Set<number>()
  #unsentWants: number[] = []
  #unsentCancels: number[] = []
  #unsentDecline = false
  #unsentReceived = 0
  #sources = 1
  #toldSources = 1
  #flushing = false

  private constructor(stream: MessageStream, holding: PeerHolding) {
    this.peer = stream.peer
    this.holding = holding
    this.#stream = stream
    this.#layout = new ChunkLayout(holding.size)
  }

  /**
   * Asks a peer what it has of the blob; undefined when it knows nothing of it.
   *
   * @throws PeerUnreachableError, StreamClosedError, InvalidInputError
   */
  static async open(
    host: SwarmHost,
    peer: string,
    { digest, registry }: WantedBlob,
    options?: AbortOptions,
  ): Promise<ChunkSession | undefined> {
    const stream = await host.open(peer, exchangeProtocol, {
      ...options,
      maxMessageBytes: maxExchangeMessageBytes,
    })
    try {
      const about = { open: digest, registry, ...zoneField(host.zone), acknowledges: true }
      await stream.send(ExchangeRequest.encode(about), options)
      const answer = await stream.read(options)
      const { holding } = answer === undefined ? {} : decodeReply(answer)
      if (holding === undefined) {
        await stream.close(options)
        return undefined
      }
      const size = Number(holding.size)
      const chunks = ChunkSet.decode(holding.chunks, new ChunkLayout(size).count)
      const mediaType = holding.mediaType.slice(0, 256)
      const isFar = areApart(host.zone, holding.zone)
      // A build of before does not say. Its nodes had better be replaced, and until then the cluster goes on as it did.
      const isOfRegistry = holding.isOfRegistry !== false
      return new ChunkSession(stream, { size, mediaType, chunks, isFar, isOfRegistry })
    } catch (error) {
      stream.abort(error as Error)
      throw error
    }
  }

  /** Starts listening; without it nothing is read from the peer. */
  start(events: ChunkSessionEvents): void {
    this.#readAll(events).then(
      () => events.onEnd(),
      (error: Error) => {
        this.#stream.abort(error)
        events.onEnd(error)
      },
    )
  }

  request(index: number): void {
    this.#wanted.add(index)
    this.#unsentWants.push(index)
    this.#flush()
  }

  /** The chunk is no longer wanted; if it comes all the same, it is dropped. */
  cancel(index: number): void {
    if (!this.#wanted.has(index)) return
    this.#unsentCancels.push(index)
    this.#flush()
  }

  /** The slot that the peer granted is not needed. */
  decline(): void {
    this.#unsentDecline = true
    this.#flush()
  }

  /** How many peers the download loads from: told with the next want. */
  set sources(count: number) {
    this.#sources = count
  }

  /** Ends the session. */
  close(): void {
    this.#stream.abort(new Error('the download no longer needs this peer'))
  }

  /** What is asked for in one turn of the event loop travels in one message. */
  #flush(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(async () => {
      try {
        while (this.#hasUnsent() && !this.#stream.closed) await this.#stream.send(this.#takeUnsent())
      } catch (error) {
        // The reading side sees the same end of the stream and reports it.
        this.#stream.abort(error as Error)
      } finally {
        this.#flushing = false
      }
    })
  }

  #hasUnsent(): boolean {
    const count = this.#unsentWants.length + this.#unsentCancels.length + this.#unsentReceived
    return count > 0 || this.#unsentDecline
  }

  #takeUnsent(): Uint8Array {
    const message = ExchangeRequest.encode({
      want: this.#unsentWants,
      cancel: this.#unsentCancels,
      ...(this.#unsentDecline ? { decline: true } : {}),
      ...(this.#unsentReceived > 0 ? { received: this.#unsentReceived } : {}),
      ...(this.#sources !== this.#toldSources ? { sources: this.#sources } : {}),
    })
    this.#unsentWants = []
    this.#unsentCancels = []
    this.#unsentDecline = false
    this.#unsentReceived = 0
    this.#toldSources = this.#sources
    return message
  }

  async #readAll(events: ChunkSessionEvents): Promise<void> {
    for (
      let message = await this.#stream.read();
      message !== undefined;
      message = await this.#stream.read()
    ) {
      const reply = decodeReply(message)
      if (reply.have.length > 0) events.onHave(reply.have.filter((index) => this.#checkIndex(index)))
      if (reply.busy.length > 0 || reply.inLine === true)
        events.onBusy(reply.busy.filter((index) => this.#wanted.delete(index)))
      if (reply.granted === true) events.onGranted()
      for (const index of reply.refused) if (this.#wanted.delete(index)) events.onRefused(index)
      if (reply.chunk !== undefined) await this.#receive(reply.chunk, events)
    }
  }

  async #receive(header: ChunkHeader, events: ChunkSessionEvents): Promise<void> {
    const { index, length } = header
    if (!this.#wanted.delete(index))
      throw violation(this.peer, `sent chunk ${index}, which was not asked for`)
    if (length !== this.#layout.lengthOf(index))
      throw violation(this.peer, `sent ${length} bytes for chunk ${index}`)
    if (header.hash.length !== 32) throw violation(this.peer, `sent a hash of ${header.hash.length} bytes`)
    const bytes = Buffer.allocUnsafeSlow(length)
    await this.#stream.readBody(bytes, { onBytes: (count) => events.onProgress(count) })
    // Told with what is asked for next, if that is of this peer.
    this.#unsentReceived++
    await events.onChunk({ index, bytes, claimedHash: header.hash })
    freeMemory(bytes)
    this.#flush()
  }

  #checkIndex(index: number): boolean {
    if (index >= this.#layout.count)
      throw violation(this.peer, `announced chunk ${index} of ${this.#layout.count}`)
    return true
  }
}

function decodeReply(message: Uint8Array): ExchangeReply {
  try {
    return ExchangeReply.decode(message)
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed exchange message', { cause })
  }
}

function violation(peer: string, what: string): InvalidInputError {
  return new InvalidInputError('PROTOCOL', `peer ${peer} ${what}; the session was closed`)
}
