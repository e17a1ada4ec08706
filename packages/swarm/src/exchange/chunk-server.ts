import { InvalidInputError, parseDigest, type TransferListener } from '@shoal/content'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import { ExchangeReply, ExchangeRequest } from '../wire/exchange.ts'
import {
  concurrentUploads,
  exchangeProtocol,
  maxExchangeMessageBytes,
  maxQueuedWants,
  maxStreamsPerPeer,
} from './exchange-protocol.ts'
import { newsIntervalMs } from './news-interval.ts'
import type { FindServedBlob, ServedBlob } from './served-blob.ts'
import { UploadSlots } from './upload-slots.ts'

/** A peer that takes longer for one chunk has stopped reading, and must not hold a slot. */
const uploadTimeoutMs = 20_000
/** A peer that opened a stream says within this time what it wants. */
const openTimeoutMs = 5_000

/** The holder's end of the exchange: answers peers that ask for chunks, from what this node has. */
export class ChunkServer {
  readonly #host: SwarmHost
  readonly #find: FindServedBlob
  readonly #onEvent: TransferListener
  readonly #slots = new UploadSlots(concurrentUploads)
  #uploads = 0

  constructor(components: { host: SwarmHost; find: FindServedBlob; onEvent: TransferListener }) {
    this.#host = components.host
    this.#find = components.find
    this.#onEvent = components.onEvent
  }

  async start(): Promise<void> {
    await this.#host.handle(exchangeProtocol, (stream) => this.#serve(stream), {
      maxStreamsPerPeer,
      maxMessageBytes: maxExchangeMessageBytes,
    })
  }

  async #serve(stream: MessageStream): Promise<void> {
    const first = await stream.read({ signal: AbortSignal.timeout(openTimeoutMs) })
    if (first === undefined) return
    const digest = parseDigest(decodeRequest(first).open ?? '')
    const blob = await this.#find(digest)
    if (blob === undefined) {
      await stream.send(ExchangeReply.encode({ have: [], refused: [] }))
      await stream.close()
      return
    }
    this.#uploads++
    try {
      const shared = {
        slots: this.#slots,
        onEvent: this.#onEvent,
        newsIntervalMs: () => newsIntervalMs(this.#uploads),
      }
      await new Upload(stream, blob, shared).run()
    } finally {
      this.#uploads--
      await blob.release()
    }
  }
}

/** One stream: two loops, one that reads what the peer wants and one that writes what it gets. */
class Upload {
  readonly #stream: MessageStream
  readonly #blob: ServedBlob
  readonly #slots: UploadSlots
  readonly #onEvent: TransferListener
  readonly #newsIntervalMs: () => number
  /** Insertion order is the order of asking. */
  readonly #wants = new Set<number>()
  #landed: number[] = []
  #wake: (() => void) | undefined
  #nextNewsAt = 0
  #ended = false

  constructor(
    stream: MessageStream,
    blob: ServedBlob,
    shared: { slots: UploadSlots; onEvent: TransferListener; newsIntervalMs: () => number },
  ) {
    this.#stream = stream
    this.#blob = blob
    this.#slots = shared.slots
    this.#onEvent = shared.onEvent
    this.#newsIntervalMs = shared.newsIntervalMs
  }

  async run(): Promise<void> {
    const stopListening = this.#blob.onLanded((index) => {
      this.#landed.push(index)
      this.#kick()
    })
    this.#stream.onClose(() => this.#end())
    const cutOff = () => this.#stream.abort(new Error('the blob can no longer be served'))
    this.#blob.failed.addEventListener('abort', cutOff)
    try {
      const { descriptor, held } = this.#blob.source
      const holding = {
        size: BigInt(descriptor.size),
        mediaType: descriptor.mediaType,
        chunks: held.encode(),
      }
      await this.#stream.send(ExchangeReply.encode({ holding, have: [], refused: [] }))
      await Promise.all([this.#readWants(), this.#writeChunks()])
    } finally {
      stopListening()
      this.#blob.failed.removeEventListener('abort', cutOff)
      this.#end()
    }
  }

  async #readWants(): Promise<void> {
    try {
      for (
        let message = await this.#stream.read();
        message !== undefined;
        message = await this.#stream.read()
      ) {
        const request = decodeRequest(message)
        for (const index of request.cancel) this.#wants.delete(index)
        for (const index of request.want) this.#wants.add(index)
        if (this.#wants.size > maxQueuedWants) {
          throw new InvalidInputError(
            'PROTOCOL',
            `peer ${this.#stream.peer} asked for over ${maxQueuedWants} chunks at once`,
          )
        }
        this.#kick()
      }
    } catch (error) {
      // A requester that has all it wants just goes; anything else is for whoever handles the stream.
      if (!this.#stream.closed) throw error
    } finally {
      this.#end()
    }
  }

  async #writeChunks(): Promise<void> {
    while (!this.#ended) {
      if (this.#landed.length > 0 && performance.now() >= this.#nextNewsAt) {
        await this.#stream.send(ExchangeReply.encode({ have: this.#takeNews(), refused: [] }))
        continue
      }
      const [index] = this.#wants
      if (index === undefined) {
        await this.#somethingToSay()
        continue
      }
      await this.#slots.run(() => this.#sendChunk(index))
    }
  }

  async #sendChunk(index: number): Promise<void> {
    if (this.#ended || !this.#wants.delete(index)) return
    const { source } = this.#blob
    const hash = source.held.has(index) ? source.hashOf(index) : undefined
    if (hash === undefined) {
      await this.#stream.send(ExchangeReply.encode({ have: [], refused: [index] }))
      return
    }
    const bytes = await source.readAt(source.layout.rangeOf(index))
    const chunk = { index, length: bytes.length, hash: new Uint8Array(hash) }
    const header = ExchangeReply.encode({ have: this.#takeNews(), refused: [], chunk })
    await this.#stream.sendWithBody(header, bytes, { signal: AbortSignal.timeout(uploadTimeoutMs) })
    this.#onEvent({
      type: 'served',
      digest: source.descriptor.digest,
      bytes: bytes.length,
      peer: this.#stream.peer,
    })
  }

  /** Chunks that landed since the peer was last told; a chunk that is sent takes them along. */
  #takeNews(): number[] {
    const have = this.#landed
    this.#landed = []
    this.#nextNewsAt = performance.now() + this.#newsIntervalMs()
    return have
  }

  /** Until a chunk is wanted, or news are due. */
  async #somethingToSay(): Promise<void> {
    const woken = Promise.withResolvers<void>()
    this.#wake = woken.resolve
    const hasNews = this.#landed.length > 0
    const timer = hasNews ? setTimeout(woken.resolve, this.#nextNewsAt - performance.now()) : undefined
    await woken.promise
    clearTimeout(timer)
  }

  #kick(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #end(): void {
    this.#ended = true
    this.#kick()
  }
}

function decodeRequest(message: Uint8Array): ExchangeRequest {
  try {
    return ExchangeRequest.decode(message)
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed exchange message', { cause })
  }
}
