import type { ChunkLayout } from '@shoal/content'
import { SpeedMeter } from '../speed-meter.ts'
import type { ChunkLedger } from './chunk-ledger.ts'
import { type PickInput, pickChunk } from './chunk-picker.ts'
import { type DownloadCommand, noCommands } from './download-events.ts'
import type { Neighbour } from './neighbour.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import type { ReadingPositions } from './reading-positions.ts'

/**
 * All that is pending together is what comes in this time. More would only wait in the queues of others: a chunk would
 * take longer to spread, and what a client waits for would wait behind it.
 */
const pendingSeconds = 0.25
const minPendingChunks = 8
/** One chunk on its way and one asked for, so that a peer's pipe never runs dry while a request travels. */
const minPipelineChunks = 2
const maxPipelineChunks = 16
/** In the endgame the last chunks are asked of a second peer as well. */
const endgameChunks = 4
/** A partner that brings less than such a part of what a request brings on average is no better than other peers. */
const slowPartner = 1 / 4
/** For so many chunks that a node is behind its neighbours it asks for one more at a time, so that all are done together. */
const behindPerChunk = 3
/** For so many it says that it needs twice as much of each peer. */
const behindPerDoubling = 6
/** A client that has waited for so long for its next chunk gets it first, however rare others are. */
const orderPatienceMs = 2_000

/** What clients read. */
type Reading = Pick<PickInput, 'places' | 'overdue'>

/** Which chunk to ask of which neighbour. */
export class RequestPlan {
  readonly #layout: ChunkLayout
  readonly #ledger: ChunkLedger
  readonly #neighbours: Neighbourhood
  readonly #random: () => number
  readonly #speed: SpeedMeter
  readonly #availability: (index: number) => number
  #isStarved = false
  /** How many chunks the node is behind its neighbours; negative if it is ahead of them. */
  #behind = 0
  #turn = 0

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
    this.#availability = (index) => init.ledger.availability(index)
  }

  /** Bytes came in, from whatever peer. */
  progress(bytes: number, now: number): void {
    this.#speed.add(bytes, now)
  }

  /** To be called now and then: sees how far the node has come in comparison with its neighbours. */
  review(): void {
    this.#behind = this.#neighbours.behind()
  }

  /**
   * How many peers the node loads from, as far as they are to know: one that is behind the others says that they are fewer
   * and is served more by each.
   */
  get sources(): number {
    const doublings = Math.max(-1, this.#behind / behindPerDoubling)
    return Math.max(1, Math.round(this.#neighbours.size / 2 ** doublings))
  }

  /** What to ask for now. `isStarved`: near peers bring nothing, so that far ones are asked for anything. */
  request(state: { readers: ReadingPositions; isStarved: boolean; now: number }): readonly DownloadCommand[] {
    const { readers, isStarved, now } = state
    if (isStarved !== this.#isStarved) {
      this.#isStarved = isStarved
      for (const neighbour of this.#neighbours.open()) if (neighbour.isFar) neighbour.dryAt = undefined
    }
    const granted = this.#neighbours.takeGranted()
    const missing = this.#layout.count - this.#ledger.held.size
    if (this.#room() <= 0 && granted.length === 0 && missing > endgameChunks) return noCommands
    const commands: DownloadCommand[] = []
    const { held } = this.#ledger
    const reading = {
      places: readers.places(held),
      overdue: readers.overdue(held, { now, patienceMs: orderPatienceMs }),
    }
    for (const neighbour of granted) commands.push(this.#useGrant(neighbour, reading, now))
    while (this.#room() > 0) {
      const neighbour = this.#nextInTurn()
      if (neighbour === undefined) break
      const index = this.#pick(neighbour, reading)
      if (index === undefined) {
        neighbour.dryAt = this.#ledger.wantedRevision
        continue
      }
      commands.push(this.#ask(neighbour, index, now))
    }
    if (missing <= endgameChunks) commands.push(...this.#askAgain(now))
    return commands
  }

  /**
   * A slot is used unless as much as is aimed at has one. What was asked for without one does not count: much of it will
   * be refused where peers are busy, and whoever declined slots for its sake, with messages that travel for as long as a
   * chunk, would be left with neither, and the less it got, the less it would aim at.
   */
  #useGrant(neighbour: Neighbour, reading: Reading, now: number): DownloadCommand {
    const isOfUse = this.#neighbours.accepted < this.#pendingAimedAt()
    const index = isOfUse ? (this.#pick(neighbour, reading) ?? this.#lastChunk(neighbour, now)) : undefined
    if (index === undefined) return { type: 'decline', peer: neighbour.peer }
    this.#neighbours.askGranted(neighbour, index, now)
    return { type: 'request', peer: neighbour.peer, index }
  }

  #ask(neighbour: Neighbour, index: number, now: number): DownloadCommand {
    this.#neighbours.ask(neighbour, index, now)
    return { type: 'request', peer: neighbour.peer, index }
  }

  /** How many more chunks to ask for; what silent peers owe does not count. */
  #room(): number {
    return this.#pendingAimedAt() - this.#ledger.pending
  }

  #pendingAimedAt(): number {
    const wanted = Math.ceil((this.#speed.bytesPerSecond * pendingSeconds) / this.#layout.chunkLength)
    const usual = Math.max(minPendingChunks, wanted)
    const more = Math.round(this.#behind / behindPerChunk)
    return usual + Math.min(usual, Math.max(0, more))
  }

  /** How many chunks may be pending at one peer: with many peers few at each, so that none is overrun. */
  #pipelineDepth(): number {
    const share = Math.ceil(this.#pendingAimedAt() / Math.max(1, this.#neighbours.size))
    return Math.min(maxPipelineChunks, Math.max(minPipelineChunks, share))
  }

  /** The partner that would send a further chunk soonest, if one has what we want; else the peer that would. */
  #nextInTurn(): Neighbour | undefined {
    const { chunkLength } = this.#layout
    const { wantedRevision } = this.#ledger
    const depth = this.#pipelineDepth()
    const tooSlow = (slowPartner * this.#speed.bytesPerSecond) / this.#pendingAimedAt()
    let best: Neighbour | undefined
    let bestWait = Number.POSITIVE_INFINITY
    let isBestPartner = false
    for (const neighbour of this.#neighbours.open()) {
      if (neighbour.dryAt === wantedRevision) continue
      if (neighbour.pending.size >= (neighbour.snubbed ? 1 : depth)) continue
      // A whole zone waits for what comes from another.
      if (this.#isBarred(neighbour)) return neighbour
      const isPartner = neighbour.isPartner && !neighbour.isSlowerThan(tooSlow)
      if (isBestPartner && !isPartner) continue
      const wait = neighbour.expectedWait(chunkLength)
      if (isBestPartner === isPartner && wait >= bestWait) continue
      best = neighbour
      bestWait = wait
      isBestPartner = isPartner
    }
    return best
  }

  #pick(neighbour: Neighbour, { places, overdue }: Reading): number | undefined {
    const isBarred = this.#isBarred(neighbour)
    return pickChunk({
      wanted: isBarred ? this.#ledger.wantedFar : this.#ledger.wanted,
      offered: neighbour.held,
      // Those who keep zones together would all ask for the same next chunk: each takes another.
      places: isBarred ? [] : places,
      overdue,
      turn: this.#turn++,
      availability: this.#availability,
      neighbours: this.#neighbours.size,
      random: this.#random,
    })
  }

  /** Asked only for what no near neighbour has. */
  #isBarred({ isFar }: Neighbour): boolean {
    return isFar && !this.#isStarved
  }

  /** Each of the last chunks is asked of a second peer; the slower one is cancelled. */
  #askAgain(now: number): DownloadCommand[] {
    const depth = this.#pipelineDepth()
    const commands: DownloadCommand[] = []
    for (const neighbour of this.#neighbours.open()) {
      if (neighbour.snubbed || neighbour.pending.size >= depth) continue
      const index = this.#lastChunk(neighbour, now)
      if (index !== undefined) commands.push(this.#ask(neighbour, index, now))
    }
    return commands
  }

  /** In the endgame, a chunk that one other peer was asked for, unless that is about to be here. */
  #lastChunk(neighbour: Neighbour, now: number): number | undefined {
    if (this.#isBarred(neighbour)) return undefined
    const { held, pending } = neighbour
    const { held: ours } = this.#ledger
    const { count } = this.#layout
    if (count - ours.size > endgameChunks) return undefined
    for (let index = ours.firstMissing(0); index < count; index = ours.firstMissing(index + 1)) {
      if (this.#ledger.owed(index) !== 1 || !held.has(index) || pending.has(index)) continue
      const chunkLength = this.#layout.lengthOf(index)
      if (!this.#neighbours.isFinishing(index, { chunkLength, now })) return index
    }
    return undefined
  }
}
