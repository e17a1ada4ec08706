import type { PeerId } from '@libp2p/interface'
import type { HostLogger } from '../host/host-logger.ts'
import type { KadRoutingTable } from '../host/kad-routing-table.ts'
import type { AnswerTimes } from './answer-times.ts'
import { type Candidate, ClosestQuery } from './closest-query.ts'
import type { KadAnswer, KadPeer } from './kad-client.ts'
import { kadId, placeOf } from './kad-distance.ts'

/** Nodes that keep each record, and whose word it takes that nobody has a blob: three may be gone, or hang. */
export const replication = 6
/** Three answer almost as soon as one, and two of them may hang. */
const defaultParallel = 3
/** A peer on a busy machine answers in 50 ms; after this the next one is asked as well. */
const defaultLateAfterMs = 150
/** A peer that has not answered by then does not, however busy it is. Nobody waits so long for one of several. */
const defaultAskTimeoutMs = 3_000
const quorum = 2
/** In a cluster of any size a query converges after two or three rounds. */
const maxAskedPerWidth = 4

export interface AskClosestComponents {
  readonly self: string
  readonly table: KadRoutingTable
  readonly connectedPeers: () => string[]
  /** Keeps what somebody said of a peer's addresses. */
  readonly learn: (peer: string, addresses: readonly string[]) => Promise<void>
  /** Shared by all queries of a node. */
  readonly answerTimes: AnswerTimes
  readonly logger: HostLogger
}

export interface AskClosestInit {
  /** What is looked for: the bytes whose `kadId` is the target. */
  readonly key: Uint8Array
  /** How many of the closest peers are to answer. @default 6 */
  readonly width?: number
  /**
   * How long a peer may take before the next one is asked as well, in milliseconds, where the others are not slow
   * either. @default 150
   */
  readonly lateAfterMs?: number
  /** Peers that are asked at the same time, but for the late. @default 3 */
  readonly parallel?: number
  /** How long a peer may take to answer at all, in milliseconds. @default 3000 */
  readonly askTimeoutMs?: number
  readonly ask: (peer: string, signal: AbortSignal) => Promise<KadAnswer>
  readonly signal: AbortSignal
}

export interface PeerAnswer extends KadAnswer {
  readonly peer: string
}

/**
 * Asks the live peers closest to a key, and closer ones that they name, until the closest have answered; yields the
 * answers as they come, and returns the closest who answered. Those who are late or fail are passed over. Leaving the
 * loop ends the query.
 *
 * @throws the signal's reason
 */
export async function* askClosest(
  components: AskClosestComponents,
  init: AskClosestInit,
): AsyncGenerator<PeerAnswer, string[]> {
  const { width = replication, signal } = init
  const ended = new AbortController()
  const asking = new Asking(components, { ...init, signal: AbortSignal.any([signal, ended.signal]) }, width)
  try {
    while (!asking.isDone) {
      asking.askMore()
      const answer = await asking.next()
      if (answer !== undefined) yield answer
    }
    signal.throwIfAborted()
    return asking.closest()
  } finally {
    ended.abort()
  }
}

/** One query: its requests, and the answers that nobody has taken yet. */
class Asking {
  readonly #components: AskClosestComponents
  readonly #init: AskClosestInit
  readonly #query: ClosestQuery
  readonly #told = new Map<string, readonly string[]>()
  readonly #answers: PeerAnswer[] = []
  #late = 0
  #changed = Promise.withResolvers<void>()

  constructor(components: AskClosestComponents, init: AskClosestInit, width: number) {
    this.#components = components
    this.#init = init
    const target = kadId(init.key)
    const maxAsked = width * maxAskedPerWidth
    const parallel = init.parallel ?? defaultParallel
    this.#query = new ClosestQuery({ target, width, parallel, quorum, maxAsked })
    const { table, connectedPeers } = components
    this.#query.learn(table.closestPeers(target, { count: 2 * width }).map(candidate))
    // Who has just connected comes into the table only once it has answered a ping.
    if (table.size < width) this.#query.learn(connectedPeers().map(candidate))
    init.signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  get isDone(): boolean {
    return this.#init.signal.aborted || (this.#answers.length === 0 && this.#query.isDone)
  }

  askMore(): void {
    for (const peer of this.#query.take()) void this.#ask(peer)
  }

  /** The next answer; undefined when something else has changed. */
  async next(): Promise<PeerAnswer | undefined> {
    if (this.#answers.length === 0 && !this.isDone) {
      await this.#changed.promise
      this.#changed = Promise.withResolvers()
    }
    return this.#answers.shift()
  }

  closest(): string[] {
    return this.#query.closest()
  }

  async #ask(peer: string): Promise<void> {
    const { answerTimes, logger } = this.#components
    const patience = this.#passOverWhenLate(peer)
    try {
      const deadline = AbortSignal.timeout(this.#init.askTimeoutMs ?? defaultAskTimeoutMs)
      const signal = AbortSignal.any([this.#init.signal, deadline])
      await this.#introduce(peer)
      const startMs = performance.now()
      const answer = await this.#init.ask(peer, signal)
      answerTimes.answered(performance.now() - startMs)
      this.#query.answered(peer, this.#namedIn(answer.closer))
      this.#answers.push({ peer, ...answer })
    } catch (error) {
      this.#query.failed(peer)
      if (!this.#init.signal.aborted) logger.debug({ peer, error }, 'peer did not answer a query')
    } finally {
      patience.end()
      this.#wake()
    }
  }

  /** What is learned meanwhile of the others' answers counts; and each round of late ones doubles the time of the next. */
  #passOverWhenLate(peer: string): { end: () => void } {
    const { lateAfterMs = defaultLateAfterMs, parallel = defaultParallel } = this.#init
    const leastMs = lateAfterMs * 2 ** Math.floor(this.#late / parallel)
    const startMs = performance.now()
    const check = (): void => {
      const restMs = startMs + this.#components.answerTimes.lateAfterMs(leastMs) - performance.now()
      if (restMs > 0) {
        timer = setTimeout(check, restMs)
        return
      }
      this.#late++
      this.#query.late(peer)
      this.#wake()
    }
    let timer = setTimeout(check, leastMs)
    return { end: () => clearTimeout(timer) }
  }

  #namedIn(closer: readonly KadPeer[]): Candidate[] {
    const others = closer.filter(({ peer }) => peer !== this.#components.self)
    for (const { peer, addresses } of others) this.#told.set(peer, addresses)
    return others.map(({ peer }) => candidate(peer))
  }

  /** libp2p looks for a peer without addresses by queries of its own, which take longer than we wait. */
  async #introduce(peer: string): Promise<void> {
    const addresses = this.#told.get(peer)
    if (addresses !== undefined && !this.#components.connectedPeers().includes(peer)) {
      await this.#components.learn(peer, addresses)
    }
  }

  #wake(): void {
    this.#changed.resolve()
  }
}

function candidate(id: PeerId | string): Candidate {
  const peer = id.toString()
  return { peer, place: placeOf(peer) }
}
