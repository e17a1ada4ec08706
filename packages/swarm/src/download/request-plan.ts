import type { ChunkLayout } from '@shoal/content'
import type { ChunkLedger } from './chunk-ledger.ts'
import { pickChunk } from './chunk-picker.ts'
import type { DownloadCommand } from './download-events.ts'
import type { Neighbour } from './neighbour.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { SpeedMeter } from './speed-meter.ts'

/**
 * All that is pending together is what comes in this time. More would only wait in the queues of others: a chunk would
 * take longer to spread, and what a client waits for would wait behind it.
 */
const pendingSeconds = 0.25
const minPendingChunks = 6
/** In the endgame the last chunks are asked of a second peer as well. */
const endgameChunks = 4

/** Which chunk to ask of which neighbour. */
export class RequestPlan {
  readonly #layout: ChunkLayout
  readonly #ledger: ChunkLedger
  readonly #neighbours: Neighbourhood
  readonly #random: () => number
  readonly #speed: SpeedMeter

  constructor(init: {
    layout: ChunkLayout
    ledger: ChunkLedger
    neighbours: Neighbourhood
    random: () => number
    now: number
  }) {
    this.#layout = init.layout
    this.#ledger = init.ledger
    this.#neighbours = init.neighbours
    this.#random = init.random
    this.#speed = new SpeedMeter(init.now)
  }

  /** Bytes came in, from whatever peer. */
  progress(bytes: number, now: number): void {
    this.#speed.add(bytes, now)
  }

  /** What to ask for now; `readingAt` is the first chunk that a client waits for. */
  request(readingAt: number, now: number): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    const windowStart = this.#ledger.held.firstMissing(readingAt)
    for (let room = this.#room(); room > 0; ) {
      const neighbour = this.#nextInTurn()
      if (neighbour === undefined) break
      const index = this.#pick(neighbour, windowStart)
      if (index === undefined) {
        neighbour.dryAt = this.#ledger.wantedRevision
        continue
      }
      room--
      this.#neighbours.ask(neighbour, index, now)
      commands.push({ type: 'request', peer: neighbour.peer, index })
    }
    const missing = this.#layout.count - this.#ledger.held.size
    if (missing <= endgameChunks) commands.push(...this.#askAgain(now))
    return commands
  }

  /** How many more chunks to ask for; what silent peers owe does not count. */
  #room(): number {
    const wanted = Math.ceil((this.#speed.bytesPerSecond * pendingSeconds) / this.#layout.chunkLength)
    return Math.max(minPendingChunks, wanted) - this.#neighbours.pending
  }

  /** The neighbour that would send a further chunk soonest. */
  #nextInTurn(): Neighbour | undefined {
    const { chunkLength } = this.#layout
    const { wantedRevision } = this.#ledger
    let best: Neighbour | undefined
    let bestWait = Number.POSITIVE_INFINITY
    for (const neighbour of this.#neighbours.all()) {
      if (neighbour.dryAt === wantedRevision || neighbour.pending.size >= neighbour.pipelineDepth(chunkLength)) continue
      const wait = neighbour.expectedWait(chunkLength)
      if (wait >= bestWait) continue
      best = neighbour
      bestWait = wait
    }
    return best
  }

  #pick(neighbour: Neighbour, windowStart: number): number | undefined {
    const ledger = this.#ledger
    return pickChunk({
      wanted: ledger.wanted,
      offered: neighbour.held,
      windowStart,
      availability: (index) => ledger.availability(index),
      random: this.#random,
    })
  }

  /** Each of the last chunks is asked of a second peer; the slower one is cancelled. */
  #askAgain(now: number): DownloadCommand[] {
    const { held } = this.#ledger
    const { chunkLength, count } = this.#layout
    const commands: DownloadCommand[] = []
    for (let index = held.firstMissing(0); index < count; index = held.firstMissing(index + 1)) {
      if (this.#ledger.owed(index) !== 1) continue
      const second = this.#quickestWith(index, chunkLength)
      if (second === undefined) continue
      this.#neighbours.ask(second, index, now)
      commands.push({ type: 'request', peer: second.peer, index })
    }
    return commands
  }

  #quickestWith(index: number, chunkLength: number): Neighbour | undefined {
    let best: Neighbour | undefined
    for (const neighbour of this.#neighbours.all()) {
      const { held, pending, snubbed } = neighbour
      if (snubbed || !held.has(index) || pending.has(index)) continue
      if (pending.size >= neighbour.pipelineDepth(chunkLength)) continue
      if (best === undefined || neighbour.expectedWait(chunkLength) < best.expectedWait(chunkLength)) best = neighbour
    }
    return best
  }
}
