import { type ChunkRun, ChunkSet } from '@shoal/content'

/** Neighbours that a downloader is told of; 20 or more come within a tenth of the bound (Shoal's model). */
const neighboursAimedAt = 24
/**
 * A blob of one chunk has no swarm, only holders: each newcomer is told of some, and each holder is told to so many who
 * wait, so that holders multiply and none is overrun.
 */
const smallBlobIntroductions = 4
/** A run is one HTTP range request: long enough to hide a round trip, short enough to share. */
const maxRunChunks = 8
/** Runs shrink so that each member gets several before a blob is through. */
const runsPerMember = 4
/** One run being fetched and one to go on with; more would only take chunks from others. */
const runsInHand = 2
/** A lease without a chunk landing for so long is given to someone else. */
const progressTimeoutMs = 5_000

/** A chunk's SHA-256 and the peer that fetched it from upstream and stands by it. */
export interface VouchedHash {
  readonly index: number
  readonly hash: Uint8Array<ArrayBuffer>
  readonly voucher: string
}

export type LeaseEvent =
  /** `leased`: chunks that the member is fetching already, by the word of another coordinator. */
  | {
      readonly type: 'join'
      readonly member: string
      readonly held: ChunkSet
      readonly leased?: readonly ChunkRun[]
    }
  | {
      readonly type: 'landed'
      readonly member: string
      readonly index: number
      readonly hash?: Uint8Array<ArrayBuffer>
    }
  /** The member would fetch `room` more chunks from upstream. */
  | { readonly type: 'ask'; readonly member: string; readonly room: number }
  | { readonly type: 'release'; readonly member: string; readonly indexes: readonly number[] }
  | { readonly type: 'leave'; readonly member: string }
  /** Peers that the DHT names as providers: they may have chunks without being members. */
  | { readonly type: 'providers'; readonly peers: readonly string[] }
  /** The look-up of providers ended; leases may flow. */
  | { readonly type: 'settled' }
  | { readonly type: 'tick' }

export type LeaseCommand =
  | { readonly type: 'lease'; readonly member: string; readonly runs: ChunkRun[] }
  | { readonly type: 'revoke'; readonly member: string; readonly runs: ChunkRun[] }
  | { readonly type: 'neighbours'; readonly member: string; readonly peers: string[] }
  | { readonly type: 'vouched'; readonly member: string; readonly hashes: VouchedHash[] }

interface Member {
  readonly held: ChunkSet
  readonly leased: Set<number>
  readonly introduced: Set<string>
  /** Chunks that it asked for and was not given yet. */
  room: number
  lastProgress: number
}

/**
 * Who fetches which chunk of one blob from upstream, as the blob's coordinator sees it. Every chunk is leased to
 * one member at a time, and to a second only when the first gave it up, left, or made no progress; a chunk that
 * a live member holds is never leased. The state is soft: members bring it with them when they join.
 */
export class LeaseTable {
  readonly #count: number
  readonly #random: () => number
  readonly #members = new Map<string, Member>()
  readonly #providers = new Set<string>()
  readonly #vouched = new Map<number, VouchedHash>()
  /** For each chunk, how many live members hold it. */
  readonly #holders: Uint32Array
  readonly #leasedBy = new Map<number, string>()
  #settled = false

  constructor(init: { readonly chunkCount: number; readonly random: () => number }) {
    this.#count = init.chunkCount
    this.#random = init.random
    this.#holders = new Uint32Array(init.chunkCount)
  }

  get memberCount(): number {
    return this.#members.size
  }

  step(event: LeaseEvent, now: number): LeaseCommand[] {
    switch (event.type) {
      case 'join':
        return this.#join(event, now)
      case 'landed':
        return this.#landed(event.member, event.index, event.hash, now)
      case 'ask':
        return this.#ask(event.member, event.room, now)
      case 'release':
        this.#release(event.member, event.indexes)
        return this.#grantWaiting(now)
      case 'leave':
        this.#leave(event.member)
        return this.#grantWaiting(now)
      case 'providers':
        return this.#addProviders(event.peers)
      case 'settled':
        this.#settled = true
        return this.#grantWaiting(now)
      case 'tick':
        return [...this.#revokeStalled(now), ...this.#grantWaiting(now)]
    }
  }

  #join({ member: name, held, leased = [] }: LeaseEvent & { type: 'join' }, now: number): LeaseCommand[] {
    if (this.#members.has(name)) this.#leave(name)
    const member: Member = { held, leased: new Set(), introduced: new Set(), room: 0, lastProgress: now }
    for (const index of held) this.#holders[index] = (this.#holders[index] ?? 0) + 1
    const commands = this.#introduce(name, member)
    this.#members.set(name, member)
    for (const { start, end } of leased) {
      for (let index = start; index < Math.min(end, this.#count); index++) {
        if (this.#isFree(index)) this.#lease(name, member, index)
      }
    }
    if (this.#vouched.size > 0) {
      commands.push({ type: 'vouched', member: name, hashes: [...this.#vouched.values()] })
    }
    return commands
  }

  #introduce(name: string, newcomer: Member): LeaseCommand[] {
    return this.#count > 1 ? this.#introduceToSwarm(name, newcomer) : this.#introduceToHolders(name, newcomer)
  }

  #introduceToHolders(name: string, newcomer: Member): LeaseCommand[] {
    const holders = [...this.#members].filter(([, { held }]) => held.isComplete).map(([holder]) => holder)
    const peers = [...shuffle(holders, this.#random), ...this.#providers]
      .filter((peer) => peer !== name)
      .slice(0, smallBlobIntroductions)
    for (const peer of peers) newcomer.introduced.add(peer)
    return peers.length > 0 ? [{ type: 'neighbours', member: name, peers }] : []
  }

  /** Tells those who wait longest of a new holder. */
  #introduceHolder(holder: string): LeaseCommand[] {
    const waiting = [...this.#members].filter(([name, { held, introduced }]) => {
      return name !== holder && !held.isComplete && introduced.size === 0
    })
    return waiting.slice(0, smallBlobIntroductions).map(([name, { introduced }]) => {
      introduced.add(holder)
      return { type: 'neighbours', member: name, peers: [holder] }
    })
  }

  /** Complete members and providers first, then a random rest; and the newcomer to those who know too few. */
  #introduceToSwarm(name: string, newcomer: Member): LeaseCommand[] {
    const others = shuffle([...this.#members.keys()], this.#random)
    const complete = others.filter((other) => this.#members.get(other)?.held.isComplete)
    const rest = others.filter((other) => !this.#members.get(other)?.held.isComplete)
    const known = new Set([...complete, ...this.#providers, ...rest].filter((peer) => peer !== name))
    const peers = [...known].slice(0, neighboursAimedAt)
    const commands: LeaseCommand[] = []
    if (peers.length > 0) commands.push({ type: 'neighbours', member: name, peers })
    for (const peer of peers) newcomer.introduced.add(peer)
    for (const other of others) {
      const member = this.#members.get(other)
      if (member === undefined || member.introduced.has(name)) continue
      if (member.held.isComplete || member.introduced.size >= neighboursAimedAt) continue
      member.introduced.add(name)
      commands.push({ type: 'neighbours', member: other, peers: [name] })
    }
    return commands
  }

  #landed(
    name: string,
    index: number,
    hash: Uint8Array<ArrayBuffer> | undefined,
    now: number,
  ): LeaseCommand[] {
    const member = this.#members.get(name)
    if (member === undefined) return []
    if (member.held.add(index)) this.#holders[index] = (this.#holders[index] ?? 0) + 1
    if (member.leased.delete(index)) {
      this.#leasedBy.delete(index)
      member.lastProgress = now
    }
    const commands = this.#grant(name, member, now)
    if (this.#count === 1) commands.push(...this.#introduceHolder(name))
    if (hash === undefined || this.#vouched.has(index)) return commands
    const vouched = { index, hash, voucher: name }
    this.#vouched.set(index, vouched)
    for (const other of this.#members.keys()) {
      if (other !== name) commands.push({ type: 'vouched', member: other, hashes: [vouched] })
    }
    return commands
  }

  #ask(name: string, room: number, now: number): LeaseCommand[] {
    const member = this.#members.get(name)
    if (member === undefined) return []
    member.room = room
    return this.#grant(name, member, now)
  }

  #grantWaiting(now: number): LeaseCommand[] {
    return [...this.#members].flatMap(([name, member]) => this.#grant(name, member, now))
  }

  #grant(name: string, member: Member, now: number): LeaseCommand[] {
    if (!this.#settled || member.room <= 0) return []
    const runs: ChunkRun[] = []
    const runLength = this.#runLength()
    let next = 0
    while (true) {
      // Whole runs only: a chunk here and a chunk there would each cost upstream a request.
      const hasTurn = member.leased.size === 0 || member.leased.size + runLength <= runsInHand * runLength
      const run = hasTurn ? this.#nextFreeRun(next, Math.min(runLength, member.room)) : undefined
      if (run === undefined) break
      for (let index = run.start; index < run.end; index++) this.#lease(name, member, index)
      member.room -= run.end - run.start
      next = run.end
      runs.push(run)
    }
    if (runs.length === 0) return []
    member.lastProgress = now
    return [{ type: 'lease', member: name, runs }]
  }

  #lease(name: string, member: Member, index: number): void {
    this.#leasedBy.set(index, name)
    member.leased.add(index)
  }

  #runLength(): number {
    const fair = Math.ceil(this.#count / (runsPerMember * Math.max(this.#members.size, 1)))
    return Math.max(1, Math.min(maxRunChunks, fair))
  }

  #nextFreeRun(from: number, maxLength: number): ChunkRun | undefined {
    let start = from
    while (start < this.#count && !this.#isFree(start)) start++
    if (start >= this.#count) return undefined
    let end = start + 1
    while (end < this.#count && end - start < maxLength && this.#isFree(end)) end++
    return { start, end }
  }

  #isFree(index: number): boolean {
    return this.#holders[index] === 0 && !this.#leasedBy.has(index)
  }

  #release(name: string, indexes: readonly number[]): void {
    const member = this.#members.get(name)
    for (const index of indexes) {
      if (member?.leased.delete(index)) this.#leasedBy.delete(index)
    }
  }

  #leave(name: string): void {
    const member = this.#members.get(name)
    if (member === undefined) return
    this.#release(name, [...member.leased])
    for (const index of member.held) this.#holders[index] = Math.max(0, (this.#holders[index] ?? 0) - 1)
    this.#members.delete(name)
  }

  #addProviders(peers: readonly string[]): LeaseCommand[] {
    const commands: LeaseCommand[] = []
    for (const peer of peers) this.#providers.add(peer)
    for (const [name, member] of this.#members) {
      const fresh = peers.filter((peer) => peer !== name && !member.introduced.has(peer))
      for (const peer of fresh) member.introduced.add(peer)
      if (fresh.length > 0 && !member.held.isComplete) {
        commands.push({ type: 'neighbours', member: name, peers: fresh })
      }
    }
    return commands
  }

  #revokeStalled(now: number): LeaseCommand[] {
    const commands: LeaseCommand[] = []
    for (const [name, member] of this.#members) {
      if (member.leased.size === 0 || now - member.lastProgress < progressTimeoutMs) continue
      const stalled = ChunkSet.of(this.#count, member.leased)
      this.#release(name, [...stalled])
      // It must not get the same chunks back at once: whoever waits comes first.
      member.room = 0
      commands.push({ type: 'revoke', member: name, runs: stalled.runs() })
    }
    return commands
  }
}

function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const item = items[last] as T
    items[last] = items[other] as T
    items[other] = item
  }
  return items
}
