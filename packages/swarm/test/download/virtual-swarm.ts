import { ChunkLayout, type ChunkRun, ChunkSet } from '@shoal/content'
import type { DownloadCommand, DownloadEvent } from '../../dist/download/download-events.js'
import { DownloadPlanner } from '../../dist/download/planner.js'

export function plannerFor(chunks: number): DownloadPlanner {
  const layout = new ChunkLayout(chunks * 256 * 1024)
  return new DownloadPlanner({
    self: 'self',
    layout,
    held: new ChunkSet(layout.count),
    random: () => 0,
    now: 0,
  })
}

export function commandsOf<T extends DownloadCommand['type']>(
  commands: readonly DownloadCommand[],
  type: T,
): Extract<DownloadCommand, { type: T }>[] {
  return commands.filter((command): command is Extract<DownloadCommand, { type: T }> => command.type === type)
}

export interface VirtualSwarmInit {
  readonly chunks: number
  readonly seed: number
  readonly peers: number
  readonly upstream: 'works' | 'flaky' | 'down'
  readonly coordinated: boolean
  /** Clients that begin to read somewhere, at some time, and leave at some time. */
  readonly readers: number
}

interface VirtualPeer {
  readonly held: ChunkSet
  /** It dies after so many chunks. */
  lifetime: number
  readonly silent: boolean
  /** What it sends can't be trusted. */
  readonly lying: boolean
  /** How often its slots are taken, 0 to 1. */
  readonly busyness: number
  connected: boolean
  /** What it was asked for and has not sent. */
  readonly owes: Set<number>
  /** The download waits in line for it. */
  hasLine: boolean
}

/** So many chunks are asked for at least, when there are peers to ask. */
const minPendingChunks = 6

/**
 * A planner in a world of virtual time: peers that hold parts, get more, answer late, are busy, fall silent, lie or die, and
 * an upstream that works, is flaky or down. Throws when the planner asks for what it must not ask for, or leaves somebody
 * idle who has what is missing.
 */
export class VirtualSwarm {
  readonly #init: VirtualSwarmInit
  readonly #random: () => number
  readonly #planner: DownloadPlanner
  readonly #held: ChunkSet
  readonly #peers = new Map<string, VirtualPeer>()
  readonly #queue: { at: number; event: DownloadEvent | (() => DownloadEvent | undefined) }[] = []
  #now = 0
  #outcome: 'finish' | 'fail' | undefined

  constructor(init: VirtualSwarmInit) {
    this.#init = init
    this.#random = mulberry32(init.seed)
    const layout = new ChunkLayout(init.chunks * 256 * 1024)
    this.#held = new ChunkSet(layout.count)
    this.#planner = new DownloadPlanner({
      self: 'self',
      layout,
      held: this.#held.clone(),
      random: this.#random,
      now: 0,
    })
    for (let n = 0; n < init.peers; n++) {
      const held = new ChunkSet(init.chunks)
      const share = this.#random()
      for (let index = 0; index < init.chunks; index++) if (this.#random() < share) held.add(index)
      const lifetime = this.#random() < 0.3 ? Math.floor(this.#random() * 20) : Number.POSITIVE_INFINITY
      this.#peers.set(`peer${n}`, {
        held,
        lifetime,
        silent: this.#random() < 0.2,
        lying: this.#random() < 0.15,
        busyness: this.#random() < 0.5 ? 0 : this.#random() * 0.8,
        connected: false,
        owes: new Set(),
        hasLine: false,
      })
    }
  }

  /** Whether someone who does not die or fall silent has each chunk, or upstream does. */
  get canComplete(): boolean {
    if (this.#init.upstream !== 'down') return true
    const reliable = [...this.#peers.values()].filter(
      (peer) => !peer.silent && !peer.lying && peer.lifetime > this.#init.chunks * 20,
    )
    for (let index = 0; index < this.#init.chunks; index++) {
      if (!this.#held.has(index) && !reliable.some((peer) => peer.held.has(index))) return false
    }
    return true
  }

  /** Runs to the end; throws if there is none within ten minutes of virtual time. */
  run(): 'finish' | 'fail' {
    this.#later(0, { type: 'found', peers: [...this.#peers.keys()] })
    for (let reader = 0; reader < this.#init.readers; reader++) this.#read(reader)
    if (this.#init.coordinated) this.#later(20, { type: 'coordinated', connected: true })
    for (let at = 250; at < 600_000; at += 250) this.#later(at, { type: 'tick' })
    while (this.#outcome === undefined) {
      const next = this.#queue.shift()
      if (next === undefined) throw new Error('the download neither completed nor failed')
      this.#now = next.at
      const event = typeof next.event === 'function' ? next.event() : next.event
      if (event === undefined) continue
      for (const command of this.#planner.step(event, this.#now)) this.#obey(command)
      if (event.type !== 'progress') this.#checkNobodyIsIdle()
    }
    return this.#outcome
  }

  #obey(command: DownloadCommand): void {
    switch (command.type) {
      case 'finish':
        if (!this.#held.isComplete) throw new Error('finished with chunks missing')
        this.#outcome = 'finish'
        break
      case 'fail':
        this.#outcome = 'fail'
        break
      case 'connect':
        this.#connect(command.peer)
        break
      case 'request':
        this.#request(command.peer, command.index)
        break
      case 'fetch':
        this.#fetch(command.run)
        break
      case 'ask':
        if (command.willing) this.#lease(16)
        break
      case 'disconnect':
        this.#peers.delete(command.peer)
        break
      case 'search':
        this.#later(this.#delay(100), { type: 'searched' })
        break
      case 'cancel':
        this.#peers.get(command.peer)?.owes.delete(command.index)
        break
      case 'want':
        this.#leaseFrom(command.indexes)
        break
      case 'decline':
      case 'claim':
      case 'cut':
      case 'release':
        break
    }
  }

  #connect(name: string): void {
    this.#later(this.#delay(30), () => {
      const peer = this.#peers.get(name)
      if (peer === undefined) return { type: 'gone', peer: name }
      peer.connected = true
      return { type: 'connected', peer: name, held: peer.held.clone() }
    })
  }

  #request(name: string, index: number): void {
    const peer = this.#peers.get(name)
    if (peer === undefined) return
    if (this.#held.has(index)) throw new Error(`asked ${name} for chunk ${index}, which is here`)
    if (!peer.held.has(index)) throw new Error(`asked ${name} for chunk ${index}, which it does not have`)
    if (peer.hasLine) throw new Error(`asked ${name} for chunk ${index} while waiting in line`)
    peer.owes.add(index)
    if (peer.silent) return
    if (this.#random() < peer.busyness) return this.#refuse(name, peer, index)
    this.#later(this.#delay(200), () => {
      if (!this.#peers.has(name) || !peer.owes.delete(index)) return undefined
      if (peer.lifetime-- <= 0) {
        this.#peers.delete(name)
        return { type: 'gone', peer: name }
      }
      if (this.#held.has(index)) return undefined
      if (peer.lying) {
        peer.held.delete(index)
        return { type: 'distrusted', peer: name, index, fetchUpstream: this.#random() < 0.5 }
      }
      this.#held.add(index)
      return { type: 'stored', index, from: name }
    })
    this.#grow(name, peer)
  }

  /** Its slots are taken; some time later it has one. */
  #refuse(name: string, peer: VirtualPeer, index: number): void {
    this.#later(this.#delay(5), () => {
      if (!this.#peers.has(name)) return undefined
      peer.owes.delete(index)
      peer.hasLine = true
      this.#later(this.#delay(300), () => {
        peer.hasLine = false
        return this.#peers.has(name) ? { type: 'granted', peer: name } : undefined
      })
      return { type: 'busy', peer: name, indexes: [index] }
    })
  }

  /** Meanwhile it got a chunk from elsewhere. */
  #grow(name: string, peer: VirtualPeer): void {
    const index = Math.floor(this.#random() * this.#init.chunks)
    if (peer.lying) return
    this.#later(this.#delay(100), () => {
      if (!this.#peers.has(name)) return undefined
      peer.held.add(index)
      return { type: 'has', peer: name, indexes: [index] }
    })
  }

  /** Whoever has a missing chunk that comes from nowhere is asked, unless enough is on its way or it is busy. */
  #checkNobodyIsIdle(): void {
    if (this.#outcome !== undefined) return
    const owed = new Set([...this.#peers.values()].flatMap(({ owes }) => [...owes]))
    if (owed.size >= minPendingChunks) return
    for (const [name, { connected, hasLine, owes, held, lying }] of this.#peers) {
      if (!connected || hasLine || lying || owes.size > 0) continue
      for (const index of held) {
        if (this.#held.has(index) || owed.has(index) || this.#planner.isFetching(index)) continue
        throw new Error(`${name} is not asked for chunk ${index}, which nobody else sends`)
      }
    }
  }

  #fetch(run: ChunkRun): void {
    const { upstream } = this.#init
    if (upstream === 'down') {
      const failed = { final: true, reason: 'upstream is down' }
      return this.#later(this.#delay(100), { type: 'upstream-ended', run, failed })
    }
    const cutAt = upstream === 'flaky' && this.#random() < 0.3 ? run.start + 1 : run.end
    let at = 0
    for (let index = run.start; index < cutAt; index++) {
      at += this.#delay(50)
      this.#later(at, () => {
        if (this.#held.has(index)) return undefined
        this.#held.add(index)
        return { type: 'stored', index, from: 'upstream' }
      })
    }
    const cut = { failed: { final: false, reason: 'cut off' } }
    this.#later(at + 1, { type: 'upstream-ended', run, ...(cutAt < run.end ? cut : {}) })
  }

  #read(reader: number): void {
    const { chunks } = this.#init
    let next = Math.floor(this.#random() * chunks)
    const end = next + Math.floor(this.#random() * (chunks - next))
    const go = (): DownloadEvent => {
      next = this.#held.firstMissing(next)
      if (next > end) return { type: 'left', reader }
      this.#later(this.#delay(100), go)
      return { type: 'reading', reader, index: next }
    }
    this.#later(this.#delay(2_000), go)
  }

  #leaseFrom(indexes: readonly number[]): void {
    for (const index of indexes)
      if (this.#held.has(index)) throw new Error(`wants chunk ${index}, which is here`)
    const runs = indexes.map((start) => ({ start, end: Math.min(start + 4, this.#init.chunks) }))
    this.#later(this.#delay(20), { type: 'leased', runs })
  }

  #lease(room: number): void {
    this.#later(this.#delay(20), () => {
      const runs: ChunkRun[] = []
      for (let index = 0; index < this.#init.chunks && runs.length < room; index++) {
        if (!this.#held.has(index)) runs.push({ start: index, end: index + 1 })
      }
      return { type: 'leased', runs }
    })
  }

  #delay(meanMs: number): number {
    return 1 + this.#random() * 2 * meanMs
  }

  #later(inMs: number, event: DownloadEvent | (() => DownloadEvent | undefined)): void {
    const at = this.#now + inMs
    let place = this.#queue.length
    while (place > 0 && (this.#queue[place - 1]?.at ?? 0) > at) place--
    this.#queue.splice(place, 0, { at, event })
  }
}

/** A small seeded generator, so that a failing schedule can be run again. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
