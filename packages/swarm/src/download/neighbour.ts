import type { ChunkSet } from '@shoal/content'
import { SpeedMeter } from '../speed-meter.ts'

/** Pieces of a chunk come more often than this, a few times a second. */
const livelyMs = 500

/** A peer with which a download exchanges chunks: what it has, what was asked of it, how fast it answers. */
export class Neighbour {
  readonly peer: string
  readonly held: ChunkSet
  /** In another zone: asked only for what no near neighbour has. */
  readonly isFar: boolean
  /** Asked before others. */
  isPartner = false
  /** Chunks asked for and not here yet, by the time of asking. */
  readonly pending = new Map<number, number>()
  /** Of these, the chunks that have a slot at the peer: asked for when it granted one, or coming in. The others may be refused. */
  readonly accepted = new Set<number>()
  /** Chunks that must not come from this peer again. */
  #distrusted: Set<number> | undefined
  lastProgress: number
  /** Of the chunk that it sends now. */
  #incomingBytes = 0
  /** It stopped sending: its pending chunks may be asked of others too. */
  snubbed = false
  /** It had nothing that we want at this revision of the ledger, and has got nothing since. */
  dryAt: number | undefined
  readonly #speed: SpeedMeter

  constructor({ peer, held, isFar, now }: { peer: string; held: ChunkSet; isFar: boolean; now: number }) {
    this.peer = peer
    this.held = held
    this.isFar = isFar
    this.lastProgress = now
    this.#speed = new SpeedMeter(now)
  }

  distrust(index: number): void {
    this.#distrusted ??= new Set()
    this.#distrusted.add(index)
  }

  isDistrusted(index: number): boolean {
    return this.#distrusted?.has(index) === true
  }

  get bytesPerSecond(): number {
    return this.#speed.bytesPerSecond
  }

  /** One that has stopped sending is; one whose speed is not known is not. */
  isSlowerThan(bytesPerSecond: number): boolean {
    return this.snubbed || (this.bytesPerSecond > 0 && this.bytesPerSecond < bytesPerSecond)
  }

  /** What the peer sends now: chunks come in the order in which they were asked for. */
  get incoming(): number | undefined {
    for (const index of this.pending.keys()) return index
    return undefined
  }

  /** Whether half of the chunk is here, and more of it keeps coming. */
  isFinishing(index: number, { chunkLength, now }: { chunkLength: number; now: number }): boolean {
    if (this.incoming !== index || now - this.lastProgress > livelyMs) return false
    return this.#incomingBytes >= chunkLength / 2
  }

  /** Notes the time of asking; an idle peer's clock starts at its first request. */
  ask(index: number, now: number): void {
    if (this.pending.size === 0) {
      this.lastProgress = now
      this.#speed.restart(now)
    }
    this.pending.set(index, now)
  }

  /** The peer owes the chunk no longer. Returns when it was asked for it. */
  settle(index: number): number | undefined {
    if (this.incoming === index) this.#incomingBytes = 0
    const askedAt = this.pending.get(index)
    this.pending.delete(index)
    return askedAt
  }

  progress(bytes: number, now: number): void {
    this.lastProgress = now
    this.#incomingBytes += bytes
    this.#speed.add(bytes, now)
  }

  /** How long a further chunk would take, seen from what is pending; in chunks for a peer whose speed is unknown. */
  expectedWait(chunkLength: number): number {
    const ahead = this.pending.size + 1
    return this.bytesPerSecond === 0 ? ahead / 1_000 : (ahead * chunkLength) / this.bytesPerSecond
  }
}
