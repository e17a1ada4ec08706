import type { ChunkSet } from '@shoal/content'
import type { ChunkLedger } from './chunk-ledger.ts'
import { type DownloadCommand, noCommands } from './download-events.ts'
import { Neighbour } from './neighbour.ts'
import { partnersOf } from './partners.ts'

/** With 20 or more a swarm comes within a tenth of its bound (Shoal's model). */
const maxNeighbours = 40
/** Places on top that only complete peers take: with them, no chunk is ever out of reach. */
const placesForComplete = 8
/**
 * A session costs both ends more time than a chunk does. So a blob of few chunks begins with
 * few neighbours: so many, and one for each chunk. As many more come each time it has taken this long again.
 */
const firstNeighbours = 3
const widenMs = 250
/** A peer that sends nothing for so long is not waited for: others are asked for the same chunks. */
const minSnubMs = 1_000
const maxSnubMs = 5_000
/** Where chunks take long to come (a busy machine, a thin link), silence means less. */
const snubResponses = 8
/** So many of them a peer has for one in any case: on thin links others would bring it as well, and take the room of more. */
const leastSnubResponses = 3
/** Weight of the newest response in the moving average. */
const responseGain = 0.1
/** A peer that sends nothing for so long is left; no sooner than it has been silent for twice as long as is waited for. */
const leaveAfterMs = 10_000
/** A peer this much slower than the middle one is left when others are waiting for its place. */
const slowShare = 0.1

/** Whom a download exchanges chunks with: whom it connects to, and whom it leaves. */
export class Neighbourhood {
  readonly #self: string
  readonly #ledger: ChunkLedger
  readonly #neighbours = new Map<string, Neighbour>()
  /** Those that are not known to serve others now. */
  readonly #open = new Set<Neighbour>()
  #granted: Neighbour[] = []
  /** For each chunk that is pending, of whom it was asked. */
  readonly #asked = new Map<number, Neighbour[]>()
  readonly #connecting = new Map<string, { readonly complete: boolean }>()
  /** Those who are said to be complete, and the others. */
  readonly #candidates = { complete: new Set<string>(), other: new Set<string>() }
  /** Peers that were left; they are not asked again. */
  readonly #left = new Set<string>()
  #responseMs = 0
  #accepted = 0
  readonly #first: number
  /** When candidates were first known. */
  #since: number | undefined

  constructor(ledger: ChunkLedger, init: { readonly self: string; readonly chunkCount: number }) {
    this.#self = init.self
    this.#ledger = ledger
    this.#first = firstNeighbours + init.chunkCount
  }

  get size(): number {
    return this.#neighbours.size
  }

  /** What it takes on average from asking for a chunk to having it; 0 before the first. */
  get responseMs(): number {
    return this.#responseMs
  }

  /** How many chunks have a slot at a lively peer. */
  get accepted(): number {
    return this.#accepted
  }

  get isConnecting(): boolean {
    return this.#connecting.size > 0
  }

  /** Those of whom something may be asked: we don't wait in line for them. */
  open(): Iterable<Neighbour> {
    return this.#open
  }

  /** How many chunks less we have than the middle one of those near us who load too; negative if we have more. */
  behind(): number {
    const sizes: number[] = []
    for (const { held, isFar } of this.#neighbours.values()) {
      if (!isFar && !held.isComplete) sizes.push(held.size)
    }
    const middle = sizes.sort((a, b) => a - b)[sizes.length >> 1]
    return middle === undefined ? 0 : middle - this.#ledger.held.size
  }

  get(peer: string): Neighbour | undefined {
    return this.#neighbours.get(peer)
  }

  found(peers: readonly string[], complete: boolean): void {
    for (const peer of peers) {
      if (this.#left.has(peer) || this.#neighbours.has(peer) || this.#connecting.has(peer)) continue
      if (complete) this.#candidates.other.delete(peer)
      else if (this.#candidates.complete.has(peer)) continue
      this.#candidates[complete ? 'complete' : 'other'].add(peer)
    }
  }

  connect(now: number): readonly DownloadCommand[] {
    const { complete, other } = this.#candidates
    if (complete.size + other.size === 0) return noCommands
    const commands: DownloadCommand[] = []
    const size = this.#neighbours.size + this.#connecting.size
    const incomplete = this.#incomplete()
    const useful = this.#useful(now)
    const forComplete = Math.min(useful - (size - incomplete), maxNeighbours + placesForComplete - size)
    for (const peer of firstOf(complete, forComplete)) commands.push(this.#connect(peer, true))
    const forOthers = Math.min(useful - size - commands.length, maxNeighbours - incomplete)
    for (const peer of firstOf(other, forOthers)) commands.push(this.#connect(peer, false))
    return commands
  }

  /** How many neighbours the blob is worth by now. */
  #useful(now: number): number {
    this.#since ??= now
    return this.#first * (1 + Math.floor((now - this.#since) / widenMs))
  }

  connected(peer: string, held: ChunkSet, { isFar, now }: { isFar: boolean; now: number }): void {
    this.#connecting.delete(peer)
    const neighbour = new Neighbour({ peer, held, isFar, now })
    this.#neighbours.set(peer, neighbour)
    this.#open.add(neighbour)
    this.#choosePartners()
    for (const index of held) this.#ledger.countHolder(index, 1, isFar)
  }

  /** The peer has got chunks. False if we want none of them: then there is nothing to decide. */
  has(peer: string, indexes: readonly number[]): boolean {
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return false
    let isWanted = false
    for (const index of indexes) {
      if (neighbour.isDistrusted(index) || !neighbour.held.add(index)) continue
      isWanted = this.#ledger.wanted.has(index) || isWanted
      this.#ledger.countHolder(index, 1, neighbour.isFar)
    }
    if (isWanted) neighbour.dryAt = undefined
    return isWanted
  }

  progress(peer: string, bytes: number, now: number): void {
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    neighbour.progress(bytes, now)
    if (neighbour.snubbed) this.#setSnubbed(neighbour, false)
    const { incoming } = neighbour
    if (incoming !== undefined) this.#accept(neighbour, incoming)
  }

  /** The peer has a slot for the chunk. */
  askGranted(neighbour: Neighbour, index: number, now: number): void {
    this.ask(neighbour, index, now)
    this.#accept(neighbour, index)
  }

  /** Whether the chunk is about to be here. */
  isFinishing(index: number, state: { chunkLength: number; now: number }): boolean {
    const asked = this.#asked.get(index) ?? []
    return asked.some((neighbour) => neighbour.isFinishing(index, state))
  }

  ask(neighbour: Neighbour, index: number, now: number): void {
    neighbour.ask(index, now)
    const asked = this.#asked.get(index)
    if (asked === undefined) this.#asked.set(index, [neighbour])
    else if (!asked.includes(neighbour)) asked.push(neighbour)
    if (neighbour.snubbed) return
    this.#ledger.countOwed(index, 1)
  }

  refused(peer: string, index: number): void {
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    this.#settle(neighbour, index)
    if (neighbour.held.delete(index)) this.#ledger.countHolder(index, -1, neighbour.isFar)
  }

  /** The peer serves others now; what it was asked for may be asked elsewhere. */
  busy(peer: string, indexes: readonly number[]): void {
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    this.#open.delete(neighbour)
    for (const index of indexes) this.#settle(neighbour, index)
  }

  granted(peer: string): void {
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    this.#open.add(neighbour)
    if (!this.#granted.includes(neighbour)) this.#granted.push(neighbour)
  }

  /** Those who have a slot for us: it is used now, or declined. */
  takeGranted(): readonly Neighbour[] {
    if (this.#granted.length === 0) return this.#granted
    const granted = this.#granted
    this.#granted = []
    return granted
  }

  /** The chunk must not come from this peer again. */
  distrust(peer: string, index: number): void {
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    neighbour.distrust(index)
    this.refused(peer, index)
  }

  gone(peer: string): void {
    this.#connecting.delete(peer)
    const neighbour = this.#neighbours.get(peer)
    if (neighbour === undefined) return
    for (const index of [...neighbour.pending.keys()]) this.#settle(neighbour, index)
    for (const index of neighbour.held) this.#ledger.countHolder(index, -1, neighbour.isFar)
    this.#neighbours.delete(peer)
    this.#open.delete(neighbour)
    this.#choosePartners()
    this.#granted = this.#granted.filter((other) => other !== neighbour)
  }

  /** A chunk is here: whoever else was asked for it need not send it. */
  stored(index: number, from: string, now: number): readonly DownloadCommand[] {
    const asked = this.#asked.get(index)
    if (asked === undefined) return noCommands
    const commands: DownloadCommand[] = []
    for (const neighbour of [...asked]) {
      const askedAt = this.#settle(neighbour, index)
      if (askedAt === undefined) continue
      if (neighbour.peer === from) this.#measure(now - askedAt)
      else commands.push({ type: 'cancel', peer: neighbour.peer, index })
    }
    return commands
  }

  #measure(responseMs: number): void {
    const isFirst = this.#responseMs === 0
    this.#responseMs += isFirst ? responseMs : responseGain * (responseMs - this.#responseMs)
  }

  /** Leaves those who are silent, and those who are slow while others wait for their place. */
  review(now: number): readonly DownloadCommand[] {
    const commands: DownloadCommand[] = []
    const mostMs = Math.max(maxSnubMs, leastSnubResponses * this.#responseMs)
    const snubMs = Math.min(mostMs, Math.max(minSnubMs, snubResponses * this.#responseMs))
    const leaveMs = Math.max(leaveAfterMs, 2 * snubMs)
    for (const neighbour of this.#neighbours.values()) {
      if (neighbour.pending.size === 0) continue
      const silentMs = now - neighbour.lastProgress
      if (silentMs >= snubMs && !neighbour.snubbed) this.#setSnubbed(neighbour, true)
      if (silentMs >= leaveMs) commands.push(this.#leave(neighbour, 'stalled'))
    }
    const slow = this.#slowest()
    if (slow !== undefined) commands.push(this.#leave(slow, 'slow'))
    return commands
  }

  #slowest(): Neighbour | undefined {
    const waiting = this.#candidates.other.size + this.#candidates.complete.size
    if (waiting === 0 || this.#incomplete() < maxNeighbours) return undefined
    const bySpeed = [...this.#neighbours.values()]
      .filter(({ bytesPerSecond, held }) => bytesPerSecond > 0 && !held.isComplete)
      .sort((a, b) => a.bytesPerSecond - b.bytesPerSecond)
    const [slowest] = bySpeed
    const middle = bySpeed[bySpeed.length >> 1]
    if (slowest === undefined || middle === undefined) return undefined
    return slowest.bytesPerSecond < middle.bytesPerSecond * slowShare ? slowest : undefined
  }

  #leave({ peer }: Neighbour, reason: 'stalled' | 'slow'): DownloadCommand {
    this.gone(peer)
    this.#left.add(peer)
    return { type: 'disconnect', peer, reason }
  }

  #choosePartners(): void {
    const near = [...this.#neighbours.values()].filter(({ isFar }) => !isFar)
    const partners = partnersOf(
      this.#self,
      near.map(({ peer }) => peer),
    )
    for (const neighbour of near) neighbour.isPartner = partners.has(neighbour.peer)
  }

  /** Neighbours that are not complete, and those of whom that is not known yet. */
  #incomplete(): number {
    let count = 0
    for (const { held } of this.#neighbours.values()) if (!held.isComplete) count++
    for (const { complete } of this.#connecting.values()) if (!complete) count++
    return count
  }

  #connect(peer: string, complete: boolean): DownloadCommand {
    this.#candidates[complete ? 'complete' : 'other'].delete(peer)
    this.#connecting.set(peer, { complete })
    return { type: 'connect', peer }
  }

  #setSnubbed(neighbour: Neighbour, snubbed: boolean): void {
    neighbour.snubbed = snubbed
    const change = snubbed ? -1 : 1
    this.#accepted += change * neighbour.accepted.size
    for (const index of neighbour.pending.keys()) this.#ledger.countOwed(index, change)
  }

  #accept(neighbour: Neighbour, index: number): void {
    if (neighbour.accepted.has(index)) return
    neighbour.accepted.add(index)
    if (!neighbour.snubbed) this.#accepted++
  }

  /** The peer owes the chunk no longer. Returns when it was asked for it. */
  #settle(neighbour: Neighbour, index: number): number | undefined {
    const askedAt = neighbour.settle(index)
    if (askedAt === undefined) return undefined
    this.#forget(neighbour, index)
    const wasAccepted = neighbour.accepted.delete(index)
    if (neighbour.snubbed) return askedAt
    if (wasAccepted) this.#accepted--
    this.#ledger.countOwed(index, -1)
    return askedAt
  }

  #forget(neighbour: Neighbour, index: number): void {
    const asked = this.#asked.get(index) ?? []
    const place = asked.indexOf(neighbour)
    if (place >= 0) asked.splice(place, 1)
    if (asked.length === 0) this.#asked.delete(index)
  }
}

function firstOf(peers: Iterable<string>, count: number): string[] {
  return [...peers].slice(0, Math.max(0, count))
}
