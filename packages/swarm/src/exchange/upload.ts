import { freeMemory, InvalidInputError, type TransferListener } from '@shoal/content'
import type { MessageStream } from '../host/message-stream.ts'
import { ExchangeReply, ExchangeRequest } from '../wire/exchange.ts'
import { zoneField } from '../zones.ts'
import { maxWantsPerMessage } from './exchange-protocol.ts'
import { newsIntervalMs } from './news-interval.ts'
import { PieceSize } from './piece-size.ts'
import type { ServedBlob } from './served-blob.ts'
import type { UploadSlots } from './upload-slots.ts'
import { type UploadTurns, uploadCost } from './upload-turns.ts'

/** A peer that takes longer for one chunk has stopped reading, and must not hold a slot. */
const uploadTimeoutMs = 20_000
/**
 * One that does not say within this time that it has what was handed to the system for it has stopped reading too. A slow
 * link that many chunks share takes its time.
 */
const acknowledgementTimeoutMs = 20_000
const minBytesPerMs = 100
/** A slot that was granted and not used for so long goes to someone else. */
const grantTimeoutMs = 2_000

export interface UploadInit {
  readonly turns: UploadTurns<Upload>
  readonly slots: UploadSlots
  /** Where this node is. */
  readonly zone: string
  /** The requester says when a chunk is in. */
  readonly acknowledges: boolean
  /** The requester is in another zone, which waits for what it gets. */
  readonly isFar: boolean
  readonly onEvent: TransferListener
  /** How many peers are told of what lands on this node. */
  readonly listeners: () => number
}

/** A chunk that was handed to the system. */
interface SentChunk {
  readonly bytes: number
  readonly cost: number
  readonly sentAtMs: number
}

/** One exchange stream at the holder's end: a loop that reads what the peer wants and one that writes what it gets. */
export class Upload {
  readonly #stream: MessageStream
  readonly #blob: ServedBlob
  readonly #init: UploadInit
  /** Wants that have a slot; insertion order is the order of asking. */
  readonly #accepted = new Set<number>()
  /** Chunks on their way, in the order of sending: each takes its slot until it is in. */
  readonly #unacknowledged: SentChunk[] = []
  #acknowledgementTimer: NodeJS.Timeout | undefined
  readonly #pieceSize = new PieceSize()
  #busy: number[] = []
  #landed: number[] = []
  #isSending = false
  #isGranted = false
  #grantTimer: NodeJS.Timeout | undefined
  #newsAt = Number.POSITIVE_INFINITY
  #sources = 1
  #wake: (() => void) | undefined
  #ended = false

  constructor(stream: MessageStream, blob: ServedBlob, init: UploadInit) {
    this.#stream = stream
    this.#blob = blob
    this.#init = init
  }

  /** Serves the peer until it or the blob has gone. */
  async run(): Promise<void> {
    const stopListening = this.#blob.onLanded((index) => this.#onLanded(index))
    this.#stream.onClose(() => this.#end())
    const cutOff = () => this.#stream.abort(new Error('the blob can no longer be served'))
    this.#blob.failed.addEventListener('abort', cutOff)
    try {
      const { descriptor, held } = this.#blob.source
      const { size, mediaType } = descriptor
      const { isOfRegistry } = this.#blob
      const about = { size: BigInt(size), mediaType, ...zoneField(this.#init.zone) }
      const holding = { ...about, chunks: held.encode(), isOfRegistry }
      await this.#stream.send(ExchangeReply.encode({ holding }))
      await Promise.all([this.#readWants(), this.#write()])
    } finally {
      stopListening()
      this.#blob.failed.removeEventListener('abort', cutOff)
      this.#end()
    }
  }

  /** It is the peer's turn to be sent a chunk. */
  grant(): void {
    this.#isGranted = true
    this.#grantTimer = setTimeout(() => grantAll(this.#init.turns.decline(this)), grantTimeoutMs).unref()
    this.#kick()
  }

  async #readWants(): Promise<void> {
    try {
      for (
        let message = await this.#stream.read();
        message !== undefined;
        message = await this.#stream.read()
      ) {
        this.#receive(decodeRequest(message))
      }
    } catch (error) {
      // A requester that has all it wants just goes; anything else is for whoever handles the stream.
      if (!this.#stream.closed) throw error
    } finally {
      this.#end()
    }
  }

  #receive({ want, cancel, decline, sources, received = 0 }: ExchangeRequest): void {
    const { turns } = this.#init
    if (received > 0) this.#acknowledged(received)
    if (want.length > maxWantsPerMessage) {
      throw new InvalidInputError(
        'PROTOCOL',
        `peer ${this.#stream.peer} asked for ${want.length} chunks at once`,
      )
    }
    if (sources !== undefined) this.#sources = sources
    if (want.length > 0 || decline === true) clearTimeout(this.#grantTimer)
    for (const index of cancel) if (this.#accepted.delete(index)) grantAll(turns.done(this, 0))
    for (const index of want) {
      if (this.#accepted.has(index)) continue
      if (turns.want(this)) this.#accepted.add(index)
      else this.#busy.push(index)
    }
    if (decline === true) grantAll(turns.decline(this))
    if (this.#busy.length > maxWantsPerMessage) {
      throw new InvalidInputError('PROTOCOL', `peer ${this.#stream.peer} asks on and on without reading`)
    }
    this.#kick()
  }

  async #write(): Promise<void> {
    while (!this.#ended) {
      const [index] = this.#accepted
      if (this.#busy.length > 0 || this.#isGranted || performance.now() >= this.#newsAt) {
        await this.#stream.send(ExchangeReply.encode(this.#takeControl()))
      } else if (index !== undefined) {
        await this.#sendChunk(index)
      } else {
        await this.#somethingToSay()
      }
    }
  }

  async #sendChunk(index: number): Promise<void> {
    const { turns, isFar, acknowledges, onEvent } = this.#init
    this.#accepted.delete(index)
    this.#isSending = true
    let cost = 0
    let isOnItsWay = false
    try {
      const { source } = this.#blob
      const hash = source.held.has(index) ? source.hashOf(index) : undefined
      if (hash === undefined) return await this.#stream.send(ExchangeReply.encode({ refused: [index] }))
      const bytes = await source.readAt(source.layout.rangeOf(index))
      cost = isFar ? 0 : uploadCost(bytes.length, this.#sources)
      const chunk = { index, length: bytes.length, hash: new Uint8Array(hash) }
      const header = ExchangeReply.encode({ ...this.#takeControl(), inLine: turns.waitAgain(this), chunk })
      // Before it is sent: it may be in before the stream can take more.
      isOnItsWay = acknowledges && !this.#ended
      if (isOnItsWay) this.#unacknowledged.push({ bytes: chunk.length, cost, sentAtMs: performance.now() })
      await this.#stream.sendWithBody(header, bytes, {
        signal: AbortSignal.timeout(uploadTimeoutMs),
        ...(acknowledges ? { pieceBytes: this.#pieceSize.bytes } : {}),
      })
      const { digest } = source.descriptor
      onEvent({ type: 'served', digest, bytes: chunk.length, peer: this.#stream.peer })
      // It was read for this peer alone, and has gone out.
      freeMemory(bytes)
      this.#expectAcknowledgement()
    } finally {
      this.#isSending = false
      if (!isOnItsWay) grantAll(turns.done(this, cost))
      this.#planNews()
    }
  }

  #expectAcknowledgement(): void {
    if (this.#ended || this.#unacknowledged.length === 0 || this.#acknowledgementTimer !== undefined) return
    const bytes = this.#unacknowledged.reduce((sum, chunk) => sum + chunk.bytes, 0)
    const timeoutMs = acknowledgementTimeoutMs + bytes / minBytesPerMs
    const cutOff = () => this.#stream.abort(new Error(`the peer got no chunk within ${timeoutMs} ms`))
    this.#acknowledgementTimer = setTimeout(cutOff, timeoutMs).unref()
  }

  #acknowledged(count: number): void {
    const { turns, slots } = this.#init
    const sent = this.#unacknowledged.length
    if (sent < count) {
      const what = `says that ${count} chunks are in, of ${sent} that were sent`
      throw new InvalidInputError('PROTOCOL', `peer ${this.#stream.peer} ${what}`)
    }
    const chunks = this.#unacknowledged.splice(0, count)
    clearTimeout(this.#acknowledgementTimer)
    this.#acknowledgementTimer = undefined
    this.#expectAcknowledgement()
    const nowMs = performance.now()
    const [first] = chunks
    if (first !== undefined) {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
      this.#pieceSize.arrived(bytes, first.sentAtMs, nowMs)
    }
    for (const { bytes, cost } of chunks) {
      slots.sent(bytes, nowMs)
      grantAll(turns.done(this, cost))
    }
    this.#planNews()
  }

  /** All that there is to say beside a chunk. */
  #takeControl(): { have: number[]; busy: number[]; inLine?: boolean; granted?: boolean } {
    const control = {
      have: this.#landed,
      busy: this.#busy,
      ...(this.#busy.length > 0 ? { inLine: true } : {}),
      ...(this.#isGranted ? { granted: true } : {}),
    }
    this.#landed = []
    this.#busy = []
    this.#isGranted = false
    this.#newsAt = Number.POSITIVE_INFINITY
    return control
  }

  #onLanded(index: number): void {
    this.#landed.push(index)
    this.#planNews(index)
  }

  /** News travel with what comes next; a peer that may be waiting for just this chunk is told soon. */
  #planNews(index?: number): void {
    if (this.#landed.length === 0) return
    const isNews = index === undefined || !this.#blob.isHeldBy(this.#stream.peer, index)
    const isServed =
      this.#isSending ||
      this.#accepted.size + this.#unacknowledged.length > 0 ||
      this.#init.turns.isWaiting(this)
    const at =
      performance.now() + newsIntervalMs({ isIdle: isNews && !isServed, listeners: this.#init.listeners() })
    if (at >= this.#newsAt) return
    this.#newsAt = at
    this.#kick()
  }

  /** Until a chunk is wanted, or news are due. */
  async #somethingToSay(): Promise<void> {
    const woken = Promise.withResolvers<void>()
    this.#wake = woken.resolve
    const inMs = this.#newsAt - performance.now()
    const timer = Number.isFinite(inMs) ? setTimeout(woken.resolve, Math.max(0, inMs)) : undefined
    await woken.promise
    clearTimeout(timer)
  }

  #kick(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #end(): void {
    if (!this.#ended) {
      const { turns } = this.#init
      this.#ended = true
      clearTimeout(this.#grantTimer)
      clearTimeout(this.#acknowledgementTimer)
      grantAll(turns.leave(this))
      for (const _ of this.#accepted) grantAll(turns.done(this, 0))
      this.#accepted.clear()
      for (const { cost } of this.#unacknowledged.splice(0)) grantAll(turns.done(this, cost))
    }
    this.#kick()
  }
}

function grantAll(uploads: readonly Upload[]): void {
  for (const upload of uploads) upload.grant()
}

/** @throws InvalidInputError `PROTOCOL` */
export function decodeRequest(message: Uint8Array): ExchangeRequest {
  try {
    return ExchangeRequest.decode(message)
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed exchange message', { cause })
  }
}
