import type { ChunkRun, ChunkSet } from '@shoal/content'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import type { WantedBlob } from '../wanted-blob.ts'
import { type CoordinationReply, CoordinationRequest, type Join } from '../wire/coordination.ts'
import type { FarShare } from '../zones.ts'
import { zoneField } from '../zones.ts'
import { checkedRun, checkedShare, decodeReply, emptyRequest, isEmpty } from './coordination-messages.ts'
import type { Coordinator } from './coordinator.ts'
import { CoordinatorChoice } from './coordinator-choice.ts'
import { landedDelayMs, maxNewsIntervalMs, minNewsIntervalMs, workingIntervalMs } from './news-interval.ts'
import { decodeVouched, type VouchedHash } from './vouched-hashes.ts'

const rejoinDelayMs = 200
const maxRejoinDelayMs = 5_000

export interface CoordinatorLinkEvents {
  onConnected(connected: boolean): void
  /** `complete`: the coordinator says that they have all of it. */
  onNeighbours(peers: readonly string[], complete: boolean): void
  /** What this node is to bring in from other zones. */
  onFarShare(share: FarShare): void
  onLeased(runs: readonly ChunkRun[]): void
  onRevoked(runs: readonly ChunkRun[]): void
  onVouched(hashes: readonly VouchedHash[]): void
  /** Something failed that the link gets over by itself. */
  onTrouble(error: Error): void
}

/**
 * A downloader's line to its blob's coordinator: the live peer closest to the CID, which may be this node. When the
 * line breaks, it joins the next closest with what it holds by then, and the coordinator knows everything again.
 */
export class CoordinatorLink {
  readonly #host: SwarmHost
  readonly #local: Coordinator
  readonly #wanted: WantedBlob
  readonly #size: number
  /** What we hold at the time of (re)joining. */
  readonly #held: () => ChunkSet
  /** What we fetch from upstream at that time. */
  readonly #leased: () => ChunkRun[]
  readonly #events: CoordinatorLinkEvents
  readonly #choice: CoordinatorChoice
  readonly #stopped = new AbortController()
  #unsent: CoordinationRequest = emptyRequest()
  #flushTimer: NodeJS.Timeout | undefined
  #flushAt = Number.POSITIVE_INFINITY
  #newsDelayMs = minNewsIntervalMs
  #send: ((request: CoordinationRequest) => Promise<void>) | undefined
  #hangUp: (() => void) | undefined
  /** The peer that we are joined to. */
  #coordinator: string | undefined
  #closerFound = false
  #toldOfWorkAt = 0
  #running: Promise<void> | undefined

  constructor(
    components: { host: SwarmHost; coordinator: Coordinator },
    init: {
      wanted: WantedBlob
      size: number
      held: () => ChunkSet
      leased: () => ChunkRun[]
      events: CoordinatorLinkEvents
    },
  ) {
    this.#host = components.host
    this.#local = components.coordinator
    this.#wanted = init.wanted
    this.#size = init.size
    this.#held = init.held
    this.#leased = init.leased
    this.#events = init.events
    this.#choice = new CoordinatorChoice(components, {
      digest: init.wanted.digest,
      current: () => this.#coordinator,
      onCloser: () => this.#goOver(),
      onTrouble: (error) => init.events.onTrouble(error),
    })
  }

  start(): void {
    this.#choice.start()
    this.#running = this.#keepJoined()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#choice.stop()
    this.#hangUp?.()
    await this.#running
    clearTimeout(this.#flushTimer)
  }

  /** `hash` for a chunk that came from upstream: this node vouches for it. */
  landed(index: number, hash?: Uint8Array<ArrayBuffer>): void {
    this.#unsent.landed.push(hash === undefined ? { index } : { index, hash })
    const wasLeased = hash !== undefined
    if (wasLeased) this.#toldOfWorkAt = performance.now()
    const delayMs = landedDelayMs({
      isLocal: this.#coordinator === this.#host.peer,
      wasLeased,
      isLast: wasLeased && isOnly(this.#leased(), index),
      newsDelayMs: this.#newsDelayMs,
    })
    this.#flush(delayMs)
  }

  /** Bytes came in from upstream. */
  working(): void {
    const now = performance.now()
    if (now - this.#toldOfWorkAt < workingIntervalMs) return
    this.#toldOfWorkAt = now
    this.#unsent.working = true
    this.#flush(0)
  }

  /** Whether this node would fetch chunks from upstream. */
  ask(willing: boolean): void {
    this.#unsent.willing = willing
    this.#flush(0)
  }

  /** Clients wait for what follows these chunks, and nobody brings it. */
  want(indexes: readonly number[]): void {
    this.#unsent.wanted.push(...indexes)
    this.#flush(0)
  }

  /** Gives leased chunks back; `pauseMs` is how long upstream asked to be left alone. */
  release(indexes: readonly number[], pauseMs?: number): void {
    this.#unsent.release.push(...indexes)
    if (pauseMs !== undefined) this.#unsent.pauseMs = pauseMs
    this.#flush(0)
  }

  /** Upstream sends this node the whole blob, and knows no less. */
  claim(): void {
    this.#unsent.claim = true
    this.#flush(0)
  }

  async #keepJoined(): Promise<void> {
    const { signal } = this.#stopped
    let delayMs = rejoinDelayMs
    while (!signal.aborted) {
      this.#closerFound = false
      const peer = (await this.#choice.closest()) ?? this.#host.peer
      if (signal.aborted) break
      const joinedAt = performance.now()
      const wasJoined = await (peer === this.#host.peer ? this.#joinLocal() : this.#joinRemote(peer, signal))
      if (!wasJoined) this.#choice.passOver(peer)
      if (wasJoined && performance.now() - joinedAt > maxRejoinDelayMs) delayMs = rejoinDelayMs
      if (wasJoined && this.#closerFound) continue
      await pause(delayMs, signal)
      delayMs = Math.min(delayMs * 2, maxRejoinDelayMs)
    }
  }

  /** A closer coordinator has come: the join loop goes on with it. */
  #goOver(): void {
    this.#closerFound = true
    this.#hangUp?.()
  }

  /** Resolves when we leave; true if we had joined. */
  async #joinLocal(): Promise<boolean> {
    const left = Promise.withResolvers<boolean>()
    try {
      const membership = this.#local.join(this.#host.peer, this.#joinMessage([]), (reply) =>
        this.#receive(reply),
      )
      this.#hangUp = () => {
        this.#disconnected()
        membership.leave()
        left.resolve(true)
      }
      this.#connected(this.#host.peer, async (request) => membership.receive(request))
    } catch (error) {
      this.#events.onTrouble(error as Error)
      left.resolve(false)
    }
    return await left.promise
  }

  /** Resolves when the stream has ended, for whatever reason; true if we had joined. */
  async #joinRemote(peer: string, signal: AbortSignal): Promise<boolean> {
    let stream: MessageStream | undefined
    let wasJoined = false
    try {
      stream = await this.#choice.open(peer)
      const open = stream
      this.#hangUp = () => open.abort(new Error('the download left this coordinator'))
      if (signal.aborted) this.#hangUp()
      const join = this.#joinMessage(this.#host.addresses())
      await open.send(CoordinationRequest.encode({ ...emptyRequest(), join }))
      this.#connected(peer, (request) => open.send(CoordinationRequest.encode(request)))
      wasJoined = true
      for (let message = await open.read(); message !== undefined; message = await open.read()) {
        const reply = decodeReply(message)
        if (reply.refused !== undefined) throw new Error(`coordinator ${peer} refused: ${reply.refused}`)
        this.#receive(reply)
      }
    } catch (error) {
      // Unreachable, gone or talking nonsense: in every case the next candidate is tried.
      stream?.abort(error as Error)
      if (!signal.aborted && !this.#closerFound) this.#events.onTrouble(error as Error)
    } finally {
      this.#disconnected()
      await stream?.close()
    }
    return wasJoined
  }

  #joinMessage(addresses: string[]): Join {
    this.#unsent = emptyRequest()
    const chunks = this.#held().encode()
    return {
      ...{ ...this.#wanted, chunks, size: BigInt(this.#size), leased: this.#leased(), addresses },
      ...zoneField(this.#host.zone),
    }
  }

  #connected(peer: string, send: (request: CoordinationRequest) => Promise<void>): void {
    this.#coordinator = peer
    this.#send = send
    this.#events.onConnected(true)
    this.#flush(0)
  }

  #disconnected(): void {
    this.#hangUp = undefined
    this.#coordinator = undefined
    if (this.#send === undefined) return
    this.#send = undefined
    this.#events.onConnected(false)
  }

  #receive(reply: CoordinationReply): void {
    if (reply.farShare !== undefined) this.#events.onFarShare(checkedShare(reply.farShare))
    if (reply.neighbours.length > 0) void this.#introduce(reply.neighbours)
    if (reply.vouched.length > 0) this.#events.onVouched(decodeVouched(reply.vouched))
    if (reply.revoke.length > 0) this.#events.onRevoked(reply.revoke.map(checkedRun))
    if (reply.lease.length > 0) this.#events.onLeased(reply.lease.map(checkedRun))
    if (reply.newsIntervalMs !== undefined)
      this.#newsDelayMs = Math.min(maxNewsIntervalMs, Math.max(minNewsIntervalMs, reply.newsIntervalMs))
  }

  async #introduce(neighbours: CoordinationReply['neighbours']): Promise<void> {
    const connected = new Set([this.#host.peer, ...this.#host.connectedPeers()])
    const strangers = neighbours.filter(({ peer }) => !connected.has(peer))
    const near = neighbours.filter(({ peer }) => peer !== this.#host.peer && connected.has(peer))
    this.#name(near)
    if (strangers.length === 0) return
    try {
      await Promise.all(strangers.map(({ peer, addresses }) => this.#host.learnAddresses(peer, addresses)))
    } catch (error) {
      this.#events.onTrouble(error as Error)
    }
    this.#name(strangers)
  }

  #name(neighbours: CoordinationReply['neighbours']): void {
    const [complete, others] = [true, false].map((wanted) =>
      neighbours.filter(({ complete = false }) => complete === wanted).map(({ peer }) => peer),
    )
    if (complete !== undefined && complete.length > 0) this.#events.onNeighbours(complete, true)
    if (others !== undefined && others.length > 0) this.#events.onNeighbours(others, false)
  }

  /** What can wait travels with what comes next. */
  #flush(inMs: number): void {
    const at = performance.now() + inMs
    if (at >= this.#flushAt) return
    this.#flushAt = at
    clearTimeout(this.#flushTimer)
    // A timer takes a millisecond at least; what is said in one go still travels in one message.
    if (inMs === 0) setImmediate(() => void this.#sendUnsent())
    else this.#flushTimer = setTimeout(() => void this.#sendUnsent(), inMs).unref()
  }

  async #sendUnsent(): Promise<void> {
    this.#flushAt = Number.POSITIVE_INFINITY
    if (this.#send === undefined || isEmpty(this.#unsent)) return
    const request = this.#unsent
    this.#unsent = emptyRequest()
    try {
      await this.#send(request)
    } catch (error) {
      this.#events.onTrouble(error as Error)
      this.#hangUp?.() // the join loop goes on with the next candidate, and tells it everything anew
    }
  }
}

/** Whether the runs have no other chunk than this one, which lands just now. */
function isOnly(runs: readonly ChunkRun[], index: number): boolean {
  return runs.every(({ start, end }) => start === index && end === index + 1)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
