import type { ChunkLayout, ChunkSet } from '@shoal/content'
import { pickChunk } from './chunk-picker.ts'
import type { DownloadCommand } from './download-events.ts'
import { Neighbour } from './neighbour.ts'
import { SpeedMeter } from './speed-meter.ts'

const maxNeighbours = 24
/** A peer that sends nothing for so long is not waited for: others are asked for the same chunks. */
const snubAfterMs = 1_500
/** A peer that sends nothing for so long is left. */
const leaveAfterMs = 10_000
/**
 * All that is pending together is what comes in this time. More would only wait in the queues of others, and what a
 * client waits for behind it.
 */
const pendingSeconds = 0.5
const minPendingChunks = 6
/** In the endgame the last chunks are asked of a second peer as well. */
const endgameChunks = 4

export interface RequestInput {
  readonly readingAt: number
  /** Chunks on their way from upstream. */
  readonly isFetching: (index: number) => boolean
  readonly now: number
}

/** The planner's view of peers: whom to connect to, what each has, which chunk to ask of whom. */
export class PeerPlan {
  readonly #layout: ChunkLayout
  readonly #held: ChunkSet
  readonly #random: () => number
  readonly #neighbours = new Map<string, Neighbour>()
  readonly #connecting = new Set<string>()
  readonly #candidates = new Set<string>()
  /** Peers that were left; a coordinator may name them again. */
  readonly #left = new Set<string>()
  /** For each chunk, how many neighbours have it. */
  readonly #availability: Uint32Array
  readonly #speed: SpeedMeter

  constructor(init: { layout: ChunkLayout; held: ChunkSet; random: () => number; now: number }) {
    this.#layout = init.layout
    this.#held = init.held
    this.#random = init.random
    this.#availability = new Uint32Array(init.layout.count)
    this.#speed = new SpeedMeter(init.now)
  }

  get neighbourCount(): number {
    return this.#neighbours.size
  }

  get isConnecting(): boolean {
    return this.#connecting.size > 0
  }

  /** How many neighbours have the chunk. */
  availability(index: number): number {
    return this.#availability[index] ?? 0
  }

  found(peers: readonly string[]): void {
    for (const peer of peers) if (!this.#left.has(peer)) this.#candidates.add(peer)
  }

  connect(): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    for (const peer of this.#candidates) {
      if (this.#neighbours.size + this.#connecting.size >= maxNeighbours) break
      this.#candidates.delete(peer)
      if (this.#neighbours.has(peer) || this.#connecting.has(peer)) continue
      this.#connecting.add(peer)
      commands.push({ type: 'connect', peer })
    }
    return commands
  }

  connected(peer: string, held: ChunkSet, now: number): void {
    this.#connecting.delete(peer)
    this.#neighbours.set(peer, new Neighbour(peer, held, now))
    for (const index of held) this.#countHolder(index, 1)
  }

  has(peer: string, indexes: readonly number[]): void {
    const neighbour = this.#neighbours.get(peer)
    for (const index of indexes) {
      if (neighbour?.distrusted.has(index) === false && neighbour.held.add(index)) this.#countHolder(index, 1)
    }
  }

  progress(peer: string, bytes: number, now: number): void {
    this.#neighbours.get(peer)?.progress(bytes, now)
    this.#speed.add(bytes, now)
  }

  refused(peer: string, index: number): void {
    const neighbour = this.#neighbours.get(peer)
    neighbour?.pending.delete(index)
    if (neighbour?.held.delete(index)) this.#countHolder(index, -1)
  }

  /** The chunk must not come from this peer again. */
  distrust(peer: string, index: number): void {
    const neighbour = this.#neighbours.get(peer)
    neighbour?.pending.delete(index)
    if (neighbour === undefined || neighbour.distrusted.has(index)) return
    neighbour.distrusted.add(index)
    if (neighbour.held.delete(index)) this.#countHolder(index, -1)
  }

  gone(peer: string): void {
    this.#connecting.delete(peer)
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    for (const index of neighbour.held) this.#countHolder(index, -1)
    this.#neighbours.delete(peer)
  }

  /** A chunk is here: whoever else was asked for it need not send it. */
  stored(index: number, from: string): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    for (const { peer, pending } of this.#neighbours.values()) {
      if (pending.delete(index) && peer !== from) commands.push({ type: 'cancel', peer, index })
    }
    return commands
  }

  leaveStalled(now: number): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.pending.size === 0) continue
      const silentMs = now - neighbour.lastProgress
      if (silentMs >= snubAfterMs) neighbour.snubbed = true
      if (silentMs < leaveAfterMs) continue
      this.gone(neighbour.peer)
      this.#left.add(neighbour.peer)
      commands.push({ type: 'disconnect', peer: neighbour.peer, reason: 'stalled' })
    }
    return commands
  }

  request(input: RequestInput): DownloadCommand[] {
    const commands: DownloadCommand[] = []
    let room = this.#room()
    // Fast peers choose first.
    const neighbours = [...this.#neighbours.values()].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond)
    for (const neighbour of neighbours) {
      const depth = neighbour.pipelineDepth(this.#layout.chunkLength)
      while (neighbour.pending.size < depth && room > 0) {
        const index = this.#pick(neighbour, input)
        if (index === undefined) break
        room--
        neighbour.ask(index, input.now)
        commands.push({ type: 'request', peer: neighbour.peer, index })
      }
    }
    return commands
  }

  /** How many more chunks to ask for; what silent peers owe does not count. */
  #room(): number {
    const wanted = Math.ceil((this.#speed.bytesPerSecond * pendingSeconds) / this.#layout.chunkLength)
    let pending = 0
    for (const neighbour of this.#neighbours.values())
      if (!neighbour.snubbed) pending += neighbour.pending.size
    return Math.max(minPendingChunks, wanted) - pending
  }

  #pick(neighbour: Neighbour, input: RequestInput): number | undefined {
    const pickWhen = (isFree: (index: number) => boolean) =>
      pickChunk({
        count: this.#layout.count,
        held: this.#held,
        readingAt: input.readingAt,
        random: this.#random,
        availability: (index) => this.availability(index),
        isCandidate: (index) =>
          neighbour.held.has(index) &&
          !neighbour.pending.has(index) &&
          !input.isFetching(index) &&
          isFree(index),
      })
    const fresh = pickWhen((index) => this.#askedOthers(index, neighbour) === 0)
    const missing = this.#layout.count - this.#held.size
    if (fresh !== undefined || missing > endgameChunks || neighbour.snubbed) return fresh
    return pickWhen((index) => this.#askedOthers(index, neighbour) === 1)
  }

  /** How many other peers are on the chunk and still sending. */
  #askedOthers(index: number, except: Neighbour): number {
    let count = 0
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour !== except && !neighbour.snubbed && neighbour.pending.has(index)) count++
    }
    return count
  }

  #countHolder(index: number, change: 1 | -1): void {
    this.#availability[index] = (this.#availability[index] ?? 0) + change
  }
}
