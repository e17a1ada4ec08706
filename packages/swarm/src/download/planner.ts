import type { ChunkLayout, ChunkRun, ChunkSet } from '@shoal/content'
import { ChunkLedger } from './chunk-ledger.ts'
import { type DownloadCommand, type DownloadEvent, fromUpstream, noCommands } from './download-events.ts'
import { Neighbourhood } from './neighbourhood.ts'
import { ReadingPositions } from './reading-positions.ts'
import { RequestPlan } from './request-plan.ts'
import { UpstreamPlan } from './upstream-plan.ts'

/** When nothing moves in the swarm for so long, the node stops waiting for the others and asks upstream itself. */
const aloneAfterMs = 3_000
/**
 * A client waits no longer than this for others to bring the chunk that it reads: upstream is asked for that one. With a
 * coordinator the chunk is leased to someone who is at work, and gone on with by another if not; that gets more time, and
 * most where chunks take long to come: it is fetched first, and then passed on a few times.
 */
const readerPatienceMs = 4_000
const coordinatedReaderPatienceMs = 12_000
const maxReaderPatienceMs = 25_000
const readerPatienceResponses = 5
/** When nothing moves for so long, the node looks for peers by itself. */
const searchAfterMs = 1_000
/** Without a new chunk for so long, and with upstream failing, there is nobody left to hope for. */
const giveUpAfterMs = 20_000
/** Peers that a first look-up named get so long to say what they have before leases are asked for. */
const greetingMs = 300

/** Without a new chunk for so long, peers in other zones are asked for what near ones have as well. */
const starvedAfterMs = 1_000

const signsOfLife: ReadonlySet<DownloadEvent['type']> = new Set([
  'connected',
  'has',
  'progress',
  'stored',
  'leased',
  'dropped',
])

export interface DownloadPlannerInit {
  /** What peers call this node. */
  readonly self: string
  readonly layout: ChunkLayout
  /** What is here already; the planner keeps it up to date. */
  readonly held: ChunkSet
  /** 0 to 1. */
  readonly random: () => number
  /** Milliseconds, like every `now`. */
  readonly now: number
}

/**
 * Decides, for one blob on one node, which chunk to ask of whom: peers first, upstream for what the coordinator
 * leased to us, upstream without a lease when neither brings anything. Pure: events in, commands out.
 */
export class DownloadPlanner {
  readonly #layout: ChunkLayout
  readonly #ledger: ChunkLedger
  /** When peers were first named. */
  #foundAt: number | undefined
  readonly #neighbours: Neighbourhood
  readonly #requests: RequestPlan
  readonly #upstream: UpstreamPlan
  readonly #readers = new ReadingPositions()
  #coordinated = false
  #search: 'none' | 'running' | 'done' = 'none'
  #lastStored: number
  /** When the swarm last showed that it moves: bytes or news from a peer, a lease, a chunk. */
  #lastMoved: number
  #ended = false

  constructor(init: DownloadPlannerInit) {
    this.#layout = init.layout
    this.#ledger = new ChunkLedger(init.held)
    this.#lastStored = init.now
    this.#lastMoved = init.now
    const shared = { layout: init.layout, ledger: this.#ledger }
    this.#neighbours = new Neighbourhood(this.#ledger, { self: init.self, chunkCount: init.layout.count })
    this.#requests = new RequestPlan({ ...init, ...shared, neighbours: this.#neighbours })
    this.#upstream = new UpstreamPlan(shared)
  }

  step(event: DownloadEvent, now: number): readonly DownloadCommand[] {
    if (this.#ended && event.type !== 'dropped') return noCommands
    if (signsOfLife.has(event.type)) this.#lastMoved = now
    if (event.type === 'has' && !this.#neighbours.has(event.peer, event.indexes)) return noCommands
    let commands = this.#apply(event, now)
    // Some bytes of a chunk change no decision, and there are many of them.
    if (event.type === 'progress') return commands
    if (this.#ledger.held.isComplete) {
      this.#ended = true
      return [...commands, { type: 'finish' }]
    }
    if (event.type === 'tick') this.#hurry(now)
    commands = joined(commands, this.#neighbours.connect(now))
    commands = joined(commands, this.#upstream.fetch(now, this.#ownChoice))
    const isStarved = now - this.#lastStored >= starvedAfterMs
    commands = joined(commands, this.#requests.request({ readers: this.#readers, isStarved, now }))
    commands = joined(commands, this.#upstream.ask(this.#wantsLeases(now)))
    if (event.type === 'reading' || event.type === 'tick') commands = joined(commands, this.#want(now))
    if (this.#search === 'none' && this.#lacksPeers(now)) {
      this.#search = 'running'
      commands = joined(commands, [{ type: 'search' }])
    }
    const reason = this.#hopeless(now)
    if (reason === undefined) return commands
    this.#ended = true
    return [...commands, { type: 'fail', reason }]
  }

  /** What a holder is told, which serves those more that have few. */
  get sources(): number {
    return this.#requests.sources
  }

  /** Chunks that come from upstream: what a new coordinator has to know. */
  outstanding(): ChunkRun[] {
    return this.#upstream.outstanding()
  }

  /** Whether the chunk is to come from a running upstream fetch. */
  isFetching(index: number): boolean {
    return this.#ledger.isFetching(index) && !this.#ledger.held.has(index)
  }

  /** Whether a peer is known to have the chunk. */
  peerHolds(peer: string, index: number): boolean {
    return this.#neighbours.get(peer)?.held.has(index) === true
  }

  #apply(event: DownloadEvent, now: number): readonly DownloadCommand[] {
    switch (event.type) {
      case 'found':
        if (event.peers.length > 0) this.#foundAt ??= now
        this.#neighbours.found(event.peers, event.complete === true)
        return noCommands
      case 'shared':
        this.#ledger.farShare = event.farShare
        return noCommands
      case 'searched':
        this.#search = 'done'
        return noCommands
      case 'connected':
        this.#neighbours.connected(event.peer, event.held, { isFar: event.isFar === true, now })
        return noCommands
      case 'has':
        return noCommands
      case 'progress':
        this.#neighbours.progress(event.peer, event.bytes, now)
        this.#requests.progress(event.bytes, now)
        return noCommands
      case 'gone':
        this.#neighbours.gone(event.peer)
        return noCommands
      case 'refused':
        this.#neighbours.refused(event.peer, event.index)
        return noCommands
      case 'busy':
        this.#neighbours.busy(event.peer, event.indexes)
        return noCommands
      case 'granted':
        this.#neighbours.granted(event.peer)
        return noCommands
      case 'distrusted':
        this.#neighbours.distrust(event.peer, event.index)
        if (event.fetchUpstream && !this.#ledger.held.has(event.index)) this.#upstream.owe(event.index)
        return noCommands
      case 'stored':
        return this.#stored(event.index, event.from, now)
      case 'leased':
        return this.#upstream.lease(event.runs)
      case 'revoked':
        return this.#upstream.revoke(event.runs)
      case 'coordinated':
        this.#coordinated = event.connected
        this.#upstream.coordinatorChanged()
        return noCommands
      case 'upstream-ended':
        return this.#upstream.ended(event.run, { failed: event.failed, now })
      case 'upstream-whole':
        return this.#upstream.whole(event.run)
      case 'dropped':
        this.#drop(event.suspects, now)
        return noCommands
      case 'reading':
        this.#readers.moved(event.reader, event.index, now)
        return noCommands
      case 'left':
        this.#readers.left(event.reader)
        return noCommands
      case 'tick':
        this.#ledger.nextRound()
        this.#requests.review()
        return this.#neighbours.review(now)
    }
  }

  #stored(index: number, from: string, now: number): readonly DownloadCommand[] {
    this.#ledger.store(index)
    this.#lastStored = now
    this.#upstream.stored(index, from === fromUpstream)
    return this.#neighbours.stored(index, from, now)
  }

  #drop(suspects: ReadonlyMap<number, string | undefined>, now: number): void {
    this.#ended = false
    this.#lastStored = now
    for (const [index, peer] of suspects) {
      this.#ledger.drop(index)
      this.#upstream.owe(index)
      if (peer !== undefined) this.#neighbours.distrust(peer, index)
    }
  }

  /** Costs upstream a chunk, and spares a client its time-out. */
  #hurry(now: number): void {
    if (!this.#upstream.isUsable(now)) return
    for (const index of this.#readers.helpOut(this.#ledger.held, {
      now,
      patienceMs: this.#readerPatienceMs(),
    })) {
      if (!this.#ledger.isCovered(index)) this.#upstream.owe(index)
    }
  }

  #readerPatienceMs(): number {
    if (!this.#coordinated) return readerPatienceMs
    const patienceMs = Math.max(
      coordinatedReaderPatienceMs,
      readerPatienceResponses * this.#neighbours.responseMs,
    )
    return Math.min(maxReaderPatienceMs, patienceMs)
  }

  /** Leases go in order by themselves; who reads elsewhere has to say where. */
  #want(now: number): readonly DownloadCommand[] {
    const { held } = this.#ledger
    if (!this.#wantsLeases(now) || !this.#readers.isSpread(held)) return noCommands
    const indexes = this.#readers.unserved(held, this.#isOrphan, now)
    return indexes.length === 0 ? noCommands : [{ type: 'want', indexes }]
  }

  readonly #isOrphan = (index: number): boolean => this.#ledger.isOrphan(index)

  readonly #places = (): readonly number[] => this.#readers.places(this.#ledger.held)

  readonly #placesAhead = (): readonly number[] =>
    this.#readers.isSpread(this.#ledger.held) ? this.#places() : []

  /** Bounded wait: when nothing moves for a while, and nothing is coming from upstream, go without a lease. */
  readonly #runAlone = (now: number): ChunkRun | undefined => {
    if (now - this.#lastMoved < aloneAfterMs) return undefined
    const [start = 0] = this.#places()
    let end = start + 1
    while (end < this.#layout.count && !this.#ledger.held.has(end)) end++
    return { start, end }
  }

  readonly #ownChoice = { places: this.#placesAhead, alone: this.#runAlone }

  /** Leases are for chunks that no neighbour has; and only once those who may have them were heard. */
  #wantsLeases(now: number): boolean {
    if (!this.#coordinated || !this.#upstream.isUsable(now)) return false
    if (this.#neighbours.isConnecting && now - (this.#foundAt ?? now) < greetingMs) return false
    return this.#ledger.orphans > 0
  }

  /** The coordinator looks for peers, for all of us; a search of our own is for when that brings nothing. */
  #lacksPeers(now: number): boolean {
    return this.#upstream.failure !== undefined || now - this.#lastMoved >= searchAfterMs
  }

  /** Why nobody can deliver the rest, or undefined while there is hope. */
  #hopeless(now: number): string | undefined {
    const why = this.#upstream.failure?.reason
    if (
      why === undefined ||
      !this.#upstream.isIdle ||
      this.#search !== 'done' ||
      this.#neighbours.isConnecting
    )
      return undefined
    if (this.#neighbours.size === 0) return `${why}; no peer has it`
    if (now - this.#lastStored < giveUpAfterMs) return undefined
    return `${why}; ${this.#neighbours.size} peers bring nothing new`
  }
}

/** Most events change little: their commands are passed on as they are. */
function joined(
  first: readonly DownloadCommand[],
  second: readonly DownloadCommand[],
): readonly DownloadCommand[] {
  if (second.length === 0) return first
  return first.length === 0 ? second : [...first, ...second]
}
