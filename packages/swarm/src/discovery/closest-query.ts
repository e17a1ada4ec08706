import { compareDistance } from './kad-distance.ts'

/** A peer and its place in the keyspace, its `kadId`. */
export interface Candidate {
  readonly peer: string
  readonly place: Uint8Array
}

export interface ClosestQueryInit {
  /** Where in the keyspace to look. */
  readonly target: Uint8Array
  /** The query ends when so many of the closest peers have answered. */
  readonly width: number
  /** Peers that are waited for at the same time. */
  readonly parallel: number
  /** While fewer have answered, those who are late are waited for after all: it is we who are slow. */
  readonly quorum: number
  /** Peers that are asked at most: whoever invents peers close to the target does not prolong a query for ever. */
  readonly maxAsked: number
}

type State = 'known' | 'asked' | 'late' | 'answered' | 'failed'

interface Known extends Candidate {
  state: State
}

/** Candidates kept for each that is to answer: enough that the failed have successors. */
const keptPerWidth = 8

/**
 * Decides whom a Kademlia look-up asks next. Those who fail, and those who are late, make room for the next closest,
 * so that a peer which hangs holds up nothing; an answer that comes late still counts.
 */
export class ClosestQuery {
  readonly #init: ClosestQueryInit
  readonly #known = new Map<string, Known>()
  /** Closest first. */
  #order: Known[] = []
  #asked = 0

  constructor(init: ClosestQueryInit) {
    this.#init = init
  }

  /** Adds peers that somebody named. */
  learn(candidates: Iterable<Candidate>): void {
    const { target, width } = this.#init
    for (const candidate of candidates) {
      if (this.#known.has(candidate.peer)) continue
      const known: Known = { ...candidate, state: 'known' }
      this.#known.set(candidate.peer, known)
      this.#order.push(known)
    }
    this.#order.sort((a, b) => compareDistance(target, a.place, b.place))
    const kept = width * keptPerWidth
    for (const { peer, state } of this.#order.slice(kept)) if (state === 'known') this.#known.delete(peer)
    this.#order = this.#order.filter(({ state }, index) => index < kept || state !== 'known')
  }

  /** Whom to ask now; they count as asked. */
  take(): string[] {
    const { parallel, maxAsked } = this.#init
    const taken: string[] = []
    let running = this.#count('asked')
    for (const known of this.#front()) {
      if (running >= parallel || this.#asked >= maxAsked) break
      if (known.state !== 'known') continue
      known.state = 'asked'
      this.#asked++
      running++
      taken.push(known.peer)
    }
    return taken
  }

  answered(peer: string, closer: Iterable<Candidate> = []): void {
    this.#set(peer, 'answered')
    this.learn(closer)
  }

  failed(peer: string): void {
    this.#set(peer, 'failed')
  }

  /** The peer is no longer waited for. */
  late(peer: string): void {
    if (this.#known.get(peer)?.state === 'asked') this.#set(peer, 'late')
  }

  /** Whether nobody is left whose answer is worth waiting for. */
  get isDone(): boolean {
    const { quorum, maxAsked } = this.#init
    if (this.#count('asked') > 0) return false
    if (this.#count('late') > 0 && this.#count('answered') < quorum) return false
    return this.#asked >= maxAsked || this.#front().every(({ state }) => state === 'answered')
  }

  /** Those of the closest who answered, closest first. */
  closest(): string[] {
    return this.#order
      .filter(({ state }) => state === 'answered')
      .slice(0, this.#init.width)
      .map(({ peer }) => peer)
  }

  #front(): Known[] {
    return this.#order
      .filter(({ state }) => state !== 'failed' && state !== 'late')
      .slice(0, this.#init.width)
  }

  #count(wanted: State): number {
    return this.#order.filter(({ state }) => state === wanted).length
  }

  #set(peer: string, state: State): void {
    const known = this.#known.get(peer)
    if (known !== undefined) known.state = state
  }
}
