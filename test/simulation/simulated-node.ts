import { ChunkSet } from '@shoal/content'
import type { DownloadCommand, DownloadEvent } from '../../packages/swarm/dist/download/download-events.js'
import { DownloadPlanner } from '../../packages/swarm/dist/download/planner.js'
import { newsIntervalMs } from '../../packages/swarm/dist/exchange/news-interval.js'
import { UploadSlots } from '../../packages/swarm/dist/exchange/upload-slots.js'
import { UploadTurns } from '../../packages/swarm/dist/exchange/upload-turns.js'
import { CoordinatorLine } from './coordinator-line.ts'
import { Downlink, Uplink } from './link.ts'
import { Session } from './session.ts'
import type { World } from './simulated-swarm.ts'
import { UpstreamRequest } from './upstream-request.ts'

/** As the product's download has it. */
const tickMs = 250
/** TCP, Noise and yamux, on two hosts that are busy. */
const dialMs = 12
const idleNewsMs = newsIntervalMs({ isIdle: true, listeners: 1 })

export interface SimulatedNodeInit {
  readonly name: string
  /** Of its link, both ways, in bytes per millisecond. */
  readonly rate: number
  readonly isSlow: boolean
  readonly zone: number
}

/** One node: the product's planner with simulated lines to its coordinator, its neighbours and upstream. */
export class SimulatedNode {
  readonly name: string
  readonly isSlow: boolean
  readonly zone: number
  readonly uplink: Uplink
  readonly downlink: Downlink
  /** What it holds, and in which order it came. */
  readonly held: ChunkSet
  readonly landed: number[] = []
  readonly landedAt: number[] = []
  readonly slots = new UploadSlots(0)
  readonly turns = new UploadTurns<Session>(() => this.slots.count)
  /** Those who load from it. */
  readonly uploads = new Set<Session>()
  /** Those in which a chunk is on its way to it. */
  readonly loading = new Set<Session>()
  isAlive = true
  arrivedAt: number | undefined
  completedAt: number | undefined
  /** The longest that a client who reads in order waited for its next chunk, in milliseconds. */
  longestWait = 0
  readonly #world: World
  #planner: DownloadPlanner | undefined
  #line: CoordinatorLine | undefined
  readonly #sessions = new Map<string, Session>()
  readonly #requests = new Map<number, UpstreamRequest>()
  /** Peers with which there is a connection already. */
  readonly #connected = new Set<SimulatedNode>()
  #readingAt = 0
  #readingSince = 0
  /** Sessions that have something to send. */
  #unflushed: Session[] = []
  #depth = 0
  #tellsSoon = false

  constructor(world: World, init: SimulatedNodeInit) {
    this.#world = world
    this.name = init.name
    this.isSlow = init.isSlow
    this.zone = init.zone
    this.uplink = new Uplink(world.time, init.rate)
    this.downlink = new Downlink(init.rate, world.pieceBytes)
    this.held = new ChunkSet(world.layout.count)
  }

  /** Milliseconds from its arrival to the whole. */
  get took(): number | undefined {
    return this.completedAt === undefined ? undefined : this.completedAt - (this.arrivedAt ?? 0)
  }

  /** How many peers it loads from, as it tells them. */
  get sources(): number {
    return this.#planner?.sources ?? 1
  }

  get isBusy(): boolean {
    return this.isAlive && this.arrivedAt !== undefined && this.completedAt === undefined
  }

  arrive(): void {
    if (!this.isAlive) return
    const { time, layout, random } = this.#world
    this.arrivedAt = time.now
    this.#readingSince = time.now
    this.#planner = new DownloadPlanner({
      self: this.name,
      layout,
      held: this.held.clone(),
      random,
      now: time.now,
    })
    this.#line = new CoordinatorLine(this.#world, {
      node: this,
      outstanding: () => this.#planner?.outstanding() ?? [],
      dispatch: (event) => this.dispatch(event),
    })
    this.#line.join()
    this.#tick()
  }

  dispatch(event: DownloadEvent): void {
    if (!this.isBusy) return
    this.hear(() => {
      for (const command of this.#planner?.step(event, this.#world.time.now) ?? []) this.#carryOut(command)
    })
  }

  /** Takes in what came at one instant, and sends what there is to say to a peer in one message. */
  hear(what: () => void): void {
    this.#depth++
    what()
    if (--this.#depth > 0 || this.#unflushed.length === 0) return
    const sessions = this.#unflushed
    this.#unflushed = []
    for (const session of sessions) session.flush()
  }

  flushLater(session: Session): void {
    this.#unflushed.push(session)
  }

  /** A chunk came in. */
  store(index: number, from: string): void {
    if (!this.isBusy || !this.held.add(index)) return
    this.landed.push(index)
    this.landedAt.push(this.#world.time.now)
    if (this.uploads.size > 0) this.tellSoon()
    this.#line?.landed(index, from === 'upstream')
    this.dispatch({ type: 'stored', index, from })
    const next = this.held.firstMissing(this.#readingAt)
    if (next === this.#readingAt) return
    const { now } = this.#world.time
    this.longestWait = Math.max(this.longestWait, now - this.#readingSince)
    this.#readingSince = now
    this.#readingAt = next
    this.dispatch({ type: 'reading', reader: 0, index: next })
  }

  /** Tells those who have nothing to ask of it what landed. */
  tellSoon(): void {
    if (this.#tellsSoon) return
    this.#tellsSoon = true
    this.#world.time.after(idleNewsMs, () => {
      this.#tellsSoon = false
      if (!this.isAlive) return
      for (const session of this.uploads) session.tellIdle()
    })
  }

  isFetching(index: number): boolean {
    return this.#planner?.isFetching(index) === true
  }

  /** Whether it was told that a peer has the chunk. */
  knowsThatHolds(peer: string, index: number): boolean {
    return this.#planner?.peerHolds(peer, index) === true
  }

  die(): void {
    this.isAlive = false
    this.#line?.leave()
    for (const request of this.#requests.values()) request.cut()
    for (const session of this.#sessions.values()) session.end()
    for (const session of [...this.uploads]) session.lose()
  }

  /** The other end of a session is gone. */
  lost(session: Session): void {
    if (this.#sessions.get(session.holder.name) !== session) return
    this.#sessions.delete(session.holder.name)
    this.dispatch({ type: 'gone', peer: session.holder.name })
  }

  #tick(): void {
    this.#world.time.after(tickMs, () => {
      if (!this.isAlive) return
      const newsMs = newsIntervalMs({ isIdle: false, listeners: this.uploads.size })
      for (const session of this.uploads) session.tellAfter(newsMs)
      if (!this.isBusy) {
        if (this.#hasNews()) this.#tick()
        return
      }
      for (const session of this.loading) session.noteProgress()
      this.dispatch({ type: 'tick' })
      this.#tick()
    })
  }

  #hasNews(): boolean {
    for (const session of this.uploads) if (session.hasNews) return true
    return false
  }

  #carryOut(command: DownloadCommand): void {
    switch (command.type) {
      case 'connect':
        return this.#connect(command.peer)
      case 'disconnect':
        this.#sessions.get(command.peer)?.end()
        this.#sessions.delete(command.peer)
        return
      case 'request':
        return this.#sessions.get(command.peer)?.want(command.index)
      case 'cancel':
        return this.#sessions.get(command.peer)?.cancel(command.index)
      case 'decline':
        return this.#sessions.get(command.peer)?.decline()
      case 'ask':
        return this.#line?.send({ type: 'ask', member: this.name, willing: command.willing })
      case 'want':
        return this.#line?.send({ type: 'want', member: this.name, indexes: command.indexes })
      case 'release': {
        const { indexes, pauseMs = 0 } = command
        return this.#line?.send({ type: 'release', member: this.name, indexes, pauseMs })
      }
      case 'claim':
        return this.#line?.send({ type: 'claim', member: this.name })
      case 'fetch':
        this.#requests.set(
          command.run.start,
          new UpstreamRequest(this.#world, {
            node: this,
            run: command.run,
            onEnd: () => this.#ended(command.run),
          }),
        )
        return
      case 'cut':
        this.#requests.get(command.run.start)?.cut()
        return this.#ended(command.run)
      case 'search':
        // The DHT names nobody whom the coordinator does not know.
        this.#world.time.after(50, () => this.dispatch({ type: 'searched' }))
        return
      case 'finish':
        return this.#finish()
      case 'fail':
        throw new Error(`${this.name} gave up: ${command.reason}`)
    }
  }

  /** Bytes come in from upstream. */
  working(): void {
    this.#line?.send({ type: 'working', member: this.name })
  }

  #ended(run: { start: number; end: number }): void {
    this.#requests.delete(run.start)
    this.dispatch({ type: 'upstream-ended', run })
  }

  #connect(peer: string): void {
    const { time, scenario } = this.#world
    const holder = this.#world.node(peer)
    const roundTrip = 2 * scenario.latency
    const isNew = holder !== undefined && !this.#connected.has(holder)
    time.after(roundTrip + (isNew ? dialMs : 0), () => {
      if (holder === undefined || !holder.isAlive || holder.arrivedAt === undefined || !this.isBusy)
        return this.dispatch({ type: 'gone', peer })
      this.#connected.add(holder)
      holder.#connected.add(this)
      for (const node of [holder, this]) this.#world.message(node, () => undefined)
      const session = new Session(this.#world, { holder, requester: this })
      this.#sessions.set(peer, session)
      this.dispatch({ type: 'connected', peer, held: holder.held.clone(), isFar: holder.zone !== this.zone })
    })
  }

  #finish(): void {
    this.completedAt = this.#world.time.now
    for (const session of this.#sessions.values()) session.end()
    this.#sessions.clear()
    for (const request of this.#requests.values()) request.cut()
    this.#world.completed(this)
  }
}
