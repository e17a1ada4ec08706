import type { VirtualTime } from './virtual-time.ts'

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
  /** When a way becomes free, if all are congested now. */
  #wakesAt = Number.POSITIVE_INFINITY

  constructor(time: VirtualTime, rate: number) {
    this.#time = time
    this.rate = rate
  }

  add(flow: Flow): void {
    this.#flows.push(flow)
    this.#pump()
  }

  remove(flow: Flow): void {
    const place = this.#flows.indexOf(flow)
    if (place < 0) return
    this.#flows.splice(place, 1)
    if (place < this.#turn) this.#turn--
  }

  /** Sends the next piece, if it can. */
  #pump(): void {
    if (this.#isBusy) return
    const count = this.#flows.length
    let freeAt = Number.POSITIVE_INFINITY
    for (let tried = 0; tried < count; tried++) {
      const place = (this.#turn + tried) % count
      const flow = this.#flows[place] as Flow
      const flowFreeAt = flow.freeAt
      if (flowFreeAt <= this.#time.now) {
        this.#turn = (place + 1) % count
        return this.#send(flow)
      }
      freeAt = Math.min(freeAt, flowFreeAt)
    }
    if (freeAt < this.#wakesAt) this.#wakeAt(freeAt)
  }

  #wakeAt(at: number): void {
    this.#wakesAt = at
    this.#time.after(at - this.#time.now, () => {
      if (at !== this.#wakesAt) return
      this.#wakesAt = Number.POSITIVE_INFINITY
      this.#pump()
    })
  }

  #send(flow: Flow): void {
    const bytes = flow.takePiece()
    if (flow.isSent) this.remove(flow)
    this.#isBusy = true
    this.#time.after(bytes / this.rate, () => {
      this.#isBusy = false
      flow.pass(bytes)
      this.#pump()
    })
  }
}

/** A link that pieces pass one after the other: a node's downlink, or a line between zones. */
export class Downlink {
  readonly #rate: number
  readonly #backlogMs: number
  /** When what was sent to it has passed. */
  #passedAt = 0
  #bytes = 0

  constructor(rate: number, pieceBytes: number) {
    this.#rate = rate
    this.#backlogMs = (maxBacklogPieces * pieceBytes) / rate
  }

  /** When it is no longer congested. */
  get freeAt(): number {
    return this.#passedAt - this.#backlogMs
  }

  /** What was sent through it. */
  get bytes(): number {
    return this.#bytes
  }

  /** A piece comes in. Returns when it has passed. */
  pass(bytes: number, at: number): number {
    this.#bytes += bytes
    this.#passedAt = Math.max(at, this.#passedAt) + bytes / this.#rate
    return this.#passedAt
  }
}

export interface FlowInit {
  readonly time: VirtualTime
  readonly from: Uplink
  /** The links behind it. */
  readonly way: readonly Downlink[]
  readonly bytes: number
  /** What is sent at a time. */
  readonly pieceBytes: number
  /** Brings it home, in so many milliseconds. */
  readonly deliver: (ms: number, hear: () => void) => void
  /** All of it has left the uplink. */
  readonly onSent?: () => void
  /** All of it has come in. */
  readonly onEnd: () => void
}

/** Bytes on their way from an uplink through one or more links. */
export class Flow {
  readonly #init: FlowInit
  #sent = 0
  #passed = 0
  #isCut = false

  constructor(init: FlowInit) {
    this.#init = init
    init.from.add(this)
  }

  /** Bytes that left. */
  get sent(): number {
    return this.#sent
  }

  /** Bytes that are through the uplink. */
  get passed(): number {
    return this.#passed
  }

  get isSent(): boolean {
    return this.#sent === this.#init.bytes
  }

  /** When its way is no longer congested. */
  get freeAt(): number {
    let latest = 0
    for (const link of this.#init.way) latest = Math.max(latest, link.freeAt)
    return latest
  }

  takePiece(): number {
    const bytes = Math.min(this.#init.pieceBytes, this.#init.bytes - this.#sent)
    this.#sent += bytes
    return bytes
  }

  /** A piece has left the uplink. */
  pass(bytes: number): void {
    const { time, way, deliver, onSent, onEnd } = this.#init
    let at = time.now
    for (const link of way) at = link.pass(bytes, at)
    this.#passed += bytes
    if (this.#passed !== this.#init.bytes || this.#isCut) return
    deliver(at - time.now, () => {
      if (!this.#isCut) onEnd()
    })
    onSent?.()
  }

  /** Ends it before its time; what has left still takes its way. */
  cut(): void {
    this.#isCut = true
    this.#init.from.remove(this)
  }
}
