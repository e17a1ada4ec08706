import type { VirtualTime } from './virtual-time.ts'

/** What is sent at a time: small beside a chunk, so that flows share a link as TCP connections do. */
const pieceBytes = 512 * 1024
/** So many pieces wait in front of a link; then those who would send to it send to others first. */
const maxBacklogPieces = 2

/**
 * The sending end of a node's line, or upstream's: flows take turns, piece by piece. One whose way is congested is passed
 * over, so that a link is idle only when none of its flows can move.
 */
export class Uplink {
  /** Bytes per millisecond. */
  readonly rate: number
  readonly #time: VirtualTime
  readonly #flows: Flow[] = []
  #turn = 0
  #isBusy = false

  constructor(time: VirtualTime, rate: number) {
    this.#time = time
    this.rate = rate
  }

  get flows(): number {
    return this.#flows.length
  }

  add(flow: Flow): void {
    this.#flows.push(flow)
    this.pump()
  }

  remove(flow: Flow): void {
    const place = this.#flows.indexOf(flow)
    if (place < 0) return
    this.#flows.splice(place, 1)
    if (place < this.#turn) this.#turn--
  }

  /** Sends the next piece, if it can. */
  pump(): void {
    if (this.#isBusy) return
    const count = this.#flows.length
    for (let tried = 0; tried < count; tried++) {
      const flow = this.#flows[(this.#turn + tried) % count] as Flow
      const congested = flow.way.find(({ isCongested }) => isCongested)
      if (congested === undefined) {
        this.#turn = (this.#turn + tried + 1) % count
        return this.#send(flow)
      }
      congested.wake(this)
    }
  }

  #send(flow: Flow): void {
    const bytes = flow.takePiece()
    if (flow.isSent) this.remove(flow)
    this.#isBusy = true
    this.#time.after(bytes / this.rate, () => {
      this.#isBusy = false
      flow.way[0]?.enter(flow, bytes, 0)
      this.pump()
    })
  }
}

/** A link that pieces pass one after the other: a node's downlink, or a line between zones. */
export class Downlink {
  readonly rate: number
  readonly #time: VirtualTime
  readonly #queue: { readonly flow: Flow; readonly bytes: number; readonly hop: number }[] = []
  /** Those who would send to it when it is less congested. */
  readonly #waiting = new Set<Uplink>()
  #isBusy = false

  constructor(time: VirtualTime, rate: number) {
    this.#time = time
    this.rate = rate
  }

  get isCongested(): boolean {
    return this.#queue.length >= maxBacklogPieces
  }

  wake(uplink: Uplink): void {
    this.#waiting.add(uplink)
  }

  /** A piece comes in; `hop` is this link's place on the flow's way. */
  enter(flow: Flow, bytes: number, hop: number): void {
    this.#queue.push({ flow, bytes, hop })
    this.#serve()
  }

  #serve(): void {
    if (this.#isBusy) return
    const piece = this.#queue.shift()
    if (piece === undefined) return
    const { flow, bytes, hop } = piece
    this.#isBusy = true
    this.#time.after(bytes / this.rate, () => {
      this.#isBusy = false
      const next = flow.way[hop + 1]
      if (next === undefined) flow.arrive(bytes)
      else next.enter(flow, bytes, hop + 1)
      this.#serve()
      this.#wakeNext()
    })
    this.#wakeNext()
  }

  #wakeNext(): void {
    if (this.isCongested) return
    for (const uplink of this.#waiting) {
      this.#waiting.delete(uplink)
      uplink.pump()
      if (this.isCongested) return
    }
  }
}

/** Bytes on their way from an uplink through one or more links. */
export class Flow {
  readonly way: readonly Downlink[]
  readonly #from: Uplink
  readonly #onEnd: () => void
  readonly #bytes: number
  #sent = 0
  #arrived = 0
  #isCut = false

  constructor(init: { from: Uplink; way: readonly Downlink[]; bytes: number; onEnd: () => void }) {
    this.way = init.way
    this.#from = init.from
    this.#bytes = init.bytes
    this.#onEnd = init.onEnd
    init.from.add(this)
  }

  /** Bytes that left. */
  get sent(): number {
    return this.#sent
  }

  /** Bytes that came in. */
  get arrived(): number {
    return this.#arrived
  }

  get isSent(): boolean {
    return this.#sent === this.#bytes
  }

  takePiece(): number {
    const bytes = Math.min(pieceBytes, this.#bytes - this.#sent)
    this.#sent += bytes
    return bytes
  }

  arrive(bytes: number): void {
    this.#arrived += bytes
    if (this.#arrived === this.#bytes && !this.#isCut) this.#onEnd()
  }

  /** Ends it before its time; what has left still takes its way. */
  cut(): void {
    this.#isCut = true
    this.#from.remove(this)
  }
}
