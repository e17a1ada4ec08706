import { parseDigest, type TransferListener } from '@shoal/content'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import { ExchangeReply } from '../wire/exchange.ts'
import { areApart } from '../zones.ts'
import {
  exchangeProtocol,
  maxExchangeMessageBytes,
  maxRegistryCharacters,
  maxStreamsPerPeer,
} from './exchange-protocol.ts'
import type { FindServedBlob } from './served-blob.ts'
import { decodeRequest, Upload } from './upload.ts'
import { UploadSlots } from './upload-slots.ts'
import { UploadTurns } from './upload-turns.ts'

/** A peer that opened a stream says within this time what it wants. */
const openTimeoutMs = 5_000

/** The holder's end of the exchange: answers peers that ask for chunks, from what this node has. */
export class ChunkServer {
  readonly #host: SwarmHost
  readonly #find: FindServedBlob
  readonly #onEvent: TransferListener
  readonly #slots = new UploadSlots(performance.now())
  readonly #turns = new UploadTurns<Upload>(() => this.#slots.count)
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
    const request = decodeRequest(first)
    const digest = parseDigest(request.open ?? '')
    const blob = await this.#find(digest, (request.registry ?? '').slice(0, maxRegistryCharacters))
    if (blob === undefined) {
      await stream.send(ExchangeReply.encode({}))
      await stream.close()
      return
    }
    this.#uploads++
    try {
      const upload = new Upload(stream, blob, {
        turns: this.#turns,
        slots: this.#slots,
        zone: this.#host.zone,
        acknowledges: request.acknowledges === true,
        isFar: areApart(this.#host.zone, request.zone),
        onEvent: this.#onEvent,
        listeners: () => this.#uploads,
      })
      await upload.run()
    } finally {
      this.#uploads--
      await blob.release()
    }
  }
}
