import { type ChunkRun, ChunkSet } from '@shoal/content'
import { FreeChunks } from './free-chunks.ts'
import { Introductions } from './introductions.ts'
import type { LeaseCommand, LeaseEvent } from './lease-events.ts'
import { LeasePace } from './lease-pace.ts'
import { MemberPool } from './member-pool.ts'
import { slowestTail } from './slow-fetchers.ts'
import type { SwarmMember } from './swarm-member.ts'

/**
 * Members hear what the holders have that they are told of, and take back that they would fetch it, within this time: a
 * lease that comes first is for what is in the cluster already.
 */
export const greetingMs = 300
/** A run is one HTTP range request: long enough to hide a round trip, short enough to share. */
const usualRunChunks = 8
/** Runs are longer while they take no longer than this: on a fast link a round trip is worth many chunks. */
const fastRunMs = 250
const maxRunChunks = 32
/**
 * A client reads in order, so the last chunk of a run must not come much later than the first. While it is not known how
 * long one takes, runs are short.
 */
const maxRunMs = 1_000
const firstRunChunks = 1
/**
 * Runs shrink with what is left to give, so that in the end nobody has much to do that others could, if there are
 * others. (Guided self-scheduling: Polychronopoulos and Kuck, 1987.)
 */
const runsPerFetcher = 2
/**
 * In a swarm of so many at the most each member has a run ahead. Simulated, the last node of 2 comes at 1.06 x the bound
 * instead of 1.49, of 4 at 1.06 instead of 1.16, of 6 at 1.07 instead of 1.08; of 8 it would come later than without.
 */
const membersAhead = 6
/** A member that has so many chunks leased gets no more for what its clients wait for: two runs in order, and six for clients. */
const maxWantedChunks = 2 * maxRunChunks + 6 * usualRunChunks
/** With so many chunks left of its run, a fetcher no longer counts: the next one's request travels meanwhile. */
const nearlyDoneChunks = 1
/**
 * A lease on which no byte moves for so long is given to someone else; where chunks take long, in twice the time that one
 * takes, since on a thin line word of what moves waits behind chunks for peers.
 */
const leastPatienceMs = 6_000
const maxPatienceMs = 30_000
const patienceChunks = 2
/** Weight of the newest chunk in the moving average of what one takes: of one member, and of all together. */
const gain = 0.3
const usualGain = 0.05

/**
 * Who fetches which chunk of one blob from upstream, as the blob's coordinator sees it. Every chunk is leased to
 * one member at a time, and to a second only when the first gave it up, left, or is too slow; a chunk that
 * a live member holds is never leased. The state is soft: members bring it with them when they join.
 */
export class LeaseTable {
  readonly #count: number
  readonly #random: () => number
  readonly #introductions: Introductions
  readonly #pace = new LeasePace()
  readonly #members = new Map<string, SwarmMember>()
  /** Willing members without a lease. */
  readonly #waiting = new MemberPool()
  /** What clients wait for, said before anything could be leased. */
  readonly #early = new Map<SwarmMember, readonly number[]>()
  /** Members with leases. */
  readonly #fetchers = new Set<SwarmMember>()
  readonly #free: FreeChunks
  readonly #leasedBy = new Map<number, SwarmMember>()
  #settled = false
  #pausedUntil = 0
  /** Upstream sends nothing but the whole blob. */
  #wholeOnly = false
  /** What a chunk takes a usual fetcher; 0 before that is known. */
  #usualChunkMs = 0

  constructor(init: { readonly chunkCount: number; readonly random: () => number }) {
    this.#count = init.chunkCount
    this.#random = init.random
    this.#introductions = new Introductions(init)
    this.#free = new FreeChunks(init.chunkCount)
  }

  get memberCount(): number {
    return this.#members.size
  }

  step(event: LeaseEvent, now: number): LeaseCommand[] {
    if (event.type === 'join') return this.#join(event, now)
    if (event.type === 'providers') return this.#introductions.providers(event.peers)
    if (event.type === 'settled') return this.#settle(now)
    if (event.type === 'tick') return [...this.#revokeStalled(now), ...this.#grant(now)]
    const member = this.#members.get(event.member)
    if (member === undefined) return []
    switch (event.type) {
      case 'landed':
        return this.#landed(member, event.index, now)
      case 'working':
        member.lastWorked = now
        return []
      case 'ask':
        this.#setWilling(member, event.willing)
        return this.#grant(now)
      case 'want':
        return this.#want(member, event.indexes, now)
      case 'release':
        this.#pausedUntil = Math.max(this.#pausedUntil, now + (event.pauseMs ?? 0))
        this.#release(member, event.indexes)
        return this.#grant(now)
      case 'claim':
        return this.#claim(member, now)
      case 'leave':
        return [...this.#leave(member), ...this.#grant(now)]
    }
  }

  #settle(now: number): LeaseCommand[] {
    if (!this.#settled && this.#introductions.knowsProviders) {
      this.#pausedUntil = Math.max(this.#pausedUntil, now + greetingMs)
    }
    this.#settled = true
    return [...this.#introductions.begin(), ...this.#grant(now)]
  }

  #join(event: LeaseEvent & { type: 'join' }, now: number): LeaseCommand[] {
    const { member: name, held, zone = '', leased = [] } = event
    const former = this.#members.get(name)
    const commands = former === undefined ? [] : this.#leave(former)
    const member: SwarmMember = {
      name,
      zone,
      held,
      leased: new Set(),
      introduced: new Set(),
      knownTo: 0,
      runChunks: 0,
      isWilling: false,
      lastLanded: now,
      lastWorked: now,
      chunkMs: 0,
    }
    for (const index of held) this.#free.countHolder(index, 1)
    this.#members.set(name, member)
    for (const { start, end } of leased) {
      for (let index = start; index < Math.min(end, this.#count); index++) {
        if (this.#free.has(index)) this.#lease(member, index)
      }
    }
    return [...commands, ...this.#introductions.join(member)]
  }

  #landed(member: SwarmMember, index: number, now: number): LeaseCommand[] {
    if (!member.held.add(index)) return []
    this.#free.countHolder(index, 1)
    const commands: LeaseCommand[] = member.held.isComplete ? this.#introductions.completed(member) : []
    const wasLeased = member.leased.has(index)
    if (wasLeased) {
      this.#pace.landed(this.#fetchers.size, now)
      this.#measure(member, now)
    }
    const holder = this.#leasedBy.get(index)
    if (holder !== undefined) this.#release(holder, [index])
    return wasLeased ? [...commands, ...this.#grant(now)] : commands
  }

  #measure(member: SwarmMember, now: number): void {
    const sample = now - member.lastLanded
    member.lastLanded = now
    member.lastWorked = now
    member.chunkMs = member.chunkMs === 0 ? sample : member.chunkMs + gain * (sample - member.chunkMs)
    this.#usualChunkMs =
      this.#usualChunkMs === 0 ? sample : this.#usualChunkMs + usualGain * (sample - this.#usualChunkMs)
  }

  /**
   * Gives out what is free, as far as the pace allows. Each run goes to another member, of some drawn by chance to the one
   * that holds the least: so everybody comes to have something that others lack, and all uplinks are of use.
   */
  #grant(now: number): LeaseCommand[] {
    if (!this.#settled || now < this.#pausedUntil) return []
    const commands = this.#takeEarly(now)
    while (this.#waiting.size > 0 && this.#busyFetchers() < this.#limit()) {
      const [member] = this.#waiting.least(1, ({ held }) => held.size, this.#random)
      if (member === undefined) break
      const run = this.#free.firstRun(this.#runLength())
      const granted = run === undefined ? this.#split(member, now) : [this.#leaseRun(member, run, now)]
      if (granted.length === 0) break
      commands.push(...granted)
    }
    if (this.#waiting.size === 0) commands.push(...this.#grantAhead(now))
    return commands
  }

  /**
   * In a small swarm whoever fetches gets the next run while the last is on its way: upstream's pipe would be empty until
   * the news that it has landed have come here and a lease has gone back. In a larger one the others fill that gap, and
   * chunks that are on their way twice as long come late to everybody. Not before something of the last run has landed: a
   * holder that is about to show would find all of a small blob on its way from upstream already.
   */
  #grantAhead(now: number): LeaseCommand[] {
    if (this.#members.size > membersAhead) return []
    const commands: LeaseCommand[] = []
    for (const member of this.#fetchers) {
      const length = this.#runLength()
      if (!member.isWilling || member.leased.size > length || member.leased.size === member.runChunks)
        continue
      const run = this.#free.firstRun(length)
      if (run !== undefined) commands.push(this.#leaseRun(member, run, now))
    }
    return commands
  }

  /** Where a client waits, its node comes first: whoever has its turn would fetch what is next in order. */
  #want(member: SwarmMember, indexes: readonly number[], now: number): LeaseCommand[] {
    if (this.#wholeOnly) return []
    if (!this.#settled || now < this.#pausedUntil) {
      this.#early.set(member, indexes.slice(0, maxWantedChunks))
      return []
    }
    const commands: LeaseCommand[] = []
    for (const index of indexes) {
      if (member.leased.size >= maxWantedChunks) break
      const run = this.#free.runAt(index, Math.min(usualRunChunks, this.#runLength()))
      if (run !== undefined) commands.push(this.#leaseRun(member, run, now))
    }
    return commands
  }

  /** They come before what is next in order. */
  #takeEarly(now: number): LeaseCommand[] {
    const commands: LeaseCommand[] = []
    for (const [member, indexes] of this.#early) {
      this.#early.delete(member)
      commands.push(...this.#want(member, indexes, now))
    }
    return commands
  }

  #busyFetchers(): number {
    let busy = 0
    for (const { leased, runChunks } of this.#fetchers) {
      if (leased.size > nearlyDoneChunks || leased.size === runChunks) busy++
    }
    return busy
  }

  #limit(): number {
    return this.#wholeOnly ? 1 : this.#pace.fetchers
  }

  /** With nothing left to give: the second half of what the slowest fetcher has not come to yet. */
  #split(member: SwarmMember, now: number): LeaseCommand[] {
    if (this.#wholeOnly) return []
    const tail = slowestTail(this.#fetchers, { usualChunkMs: this.#usualChunkMs, now })
    if (tail === undefined) return []
    const { fetcher: slowest, run } = tail
    this.#release(slowest, indexesOf(run))
    return [{ type: 'revoke', member: slowest.name, runs: [run] }, this.#leaseRun(member, run, now)]
  }

  #leaseRun(member: SwarmMember, run: ChunkRun, now: number): LeaseCommand {
    if (member.leased.size === 0) startClock(member, now)
    for (const index of indexesOf(run)) this.#lease(member, index)
    member.runChunks = member.leased.size
    return { type: 'lease', member: member.name, runs: [run] }
  }

  #lease(member: SwarmMember, index: number): void {
    this.#leasedBy.set(index, member)
    this.#free.setLeased(index, true)
    member.leased.add(index)
    this.#fetchers.add(member)
    this.#waiting.delete(member)
  }

  #release(member: SwarmMember, indexes: Iterable<number>): void {
    for (const index of indexes) {
      if (!member.leased.delete(index)) continue
      this.#leasedBy.delete(index)
      this.#free.setLeased(index, false)
    }
    if (member.leased.size > 0) return
    this.#fetchers.delete(member)
    if (member.isWilling) this.#waiting.add(member)
  }

  #setWilling(member: SwarmMember, isWilling: boolean): void {
    member.isWilling = isWilling
    if (!isWilling) this.#waiting.delete(member)
    else if (member.leased.size === 0) this.#waiting.add(member)
  }

  #runLength(): number {
    if (this.#wholeOnly) return this.#count
    const most = Math.max(usualRunChunks, Math.min(maxRunChunks, this.#chunksIn(fastRunMs) ?? 0))
    if (this.#members.size === 1) return most
    const fetchers = Math.max(1, Math.min(this.#members.size, this.#pace.goal))
    const fair = Math.ceil(this.#free.size / (runsPerFetcher * fetchers))
    return Math.max(1, Math.min(most, fair, this.#chunksIn(maxRunMs) ?? firstRunChunks))
  }

  /** How many chunks a usual fetcher brings in that time; undefined before that is known. */
  #chunksIn(ms: number): number | undefined {
    return this.#usualChunkMs === 0 ? undefined : Math.floor(ms / this.#usualChunkMs)
  }

  /** The first who is sent the whole keeps it; whoever else is sent it too is told to hang up. */
  #claim(member: SwarmMember, now: number): LeaseCommand[] {
    const all = { start: 0, end: this.#count }
    const rival = [...this.#fetchers].find((fetcher) => fetcher !== member)
    if (this.#wholeOnly && rival !== undefined) {
      this.#release(member, [...member.leased])
      return [{ type: 'revoke', member: member.name, runs: [all] }]
    }
    this.#wholeOnly = true
    const commands: LeaseCommand[] = []
    for (const fetcher of this.#fetchers) {
      if (fetcher === member) continue
      this.#release(fetcher, [...fetcher.leased])
      commands.push({ type: 'revoke', member: fetcher.name, runs: [all] })
    }
    for (const index of indexesOf(all)) if (this.#free.has(index)) this.#lease(member, index)
    startClock(member, now)
    return commands
  }

  #leave(member: SwarmMember): LeaseCommand[] {
    member.isWilling = false
    this.#release(member, [...member.leased])
    this.#waiting.delete(member)
    this.#early.delete(member)
    this.#members.delete(member.name)
    for (const index of member.held) this.#free.countHolder(index, -1)
    return this.#introductions.leave(member)
  }

  #revokeStalled(now: number): LeaseCommand[] {
    const commands: LeaseCommand[] = []
    const patienceMs = Math.min(maxPatienceMs, Math.max(leastPatienceMs, patienceChunks * this.#usualChunkMs))
    for (const member of [...this.#fetchers]) {
      if (now - member.lastWorked < patienceMs) continue
      const runs = ChunkSet.of(this.#count, member.leased).runs()
      // It must not get the same chunks back at once: whoever waits comes first, and it may ask again.
      this.#setWilling(member, false)
      this.#release(member, [...member.leased])
      commands.push({ type: 'revoke', member: member.name, runs })
    }
    return commands
  }
}

/** What a member does counts from here: it did nothing before. */
function startClock(member: SwarmMember, now: number): void {
  member.lastLanded = now
  member.lastWorked = now
}

function* indexesOf({ start, end }: ChunkRun): Generator<number> {
  for (let index = start; index < end; index++) yield index
}
