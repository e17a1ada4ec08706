import { type Digest, digestToCid } from '@shoal/content'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import { coordinationProtocol, maxCoordinationMessageBytes } from './coordination-protocol.ts'

/** Coordinators of a blob: the closest peer, and the next ones when it does not answer. */
const coordinatorsTried = 3
/** A coordinator that takes longer to answer is passed over: it hangs, as a node that is only busy does not. */
const openTimeoutMs = 3_000
const defaultPassOverMs = 5_000
const settleMs = 100

export interface CoordinatorChoiceInit {
  readonly digest: Digest
  /** The peer that we are joined to. */
  readonly current: () => string | undefined
  /** A closer peer than the one that we are joined to has come, and answers. */
  readonly onCloser: () => void
  /**
   * How long a peer that did not answer is passed over, in milliseconds. Whoever joined a farther one meanwhile looks again
   * then. @default 5000
   */
  readonly passOverMs?: number
  /** Something failed that the choice gets over by itself. */
  readonly onTrouble: (error: Error) => void
}

/**
 * Which peer coordinates a blob: the live one closest to its CID. Nodes agree on that once all see each other; until then
 * each goes on looking, because with two coordinators for one blob chunks leave upstream twice.
 */
export class CoordinatorChoice {
  readonly #host: SwarmHost
  readonly #init: CoordinatorChoiceInit
  /** Peers that did not answer, and until when they are passed over. */
  readonly #unreachable = new Map<string, number>()
  readonly #stopped = new AbortController()
  #stopListening: (() => void) | undefined
  #reviewTimer: NodeJS.Timeout | undefined

  constructor(components: { host: SwarmHost }, init: CoordinatorChoiceInit) {
    this.#host = components.host
    this.#init = init
  }

  start(): void {
    // A moment later: where one comes, many may come.
    this.#stopListening = this.#host.onPeerRoutable(() => this.#reviewIn(settleMs))
  }

  stop(): void {
    this.#stopped.abort()
    this.#stopListening?.()
    clearTimeout(this.#reviewTimer)
  }

  /** The live peer that is closest, of those that are not passed over; undefined if that can't be told now. */
  async closest(): Promise<string | undefined> {
    const { signal } = this.#stopped
    const key = digestToCid(this.#init.digest).multihash.bytes
    try {
      const closest = await this.#host.closestPeers(key, coordinatorsTried, { signal })
      const now = performance.now()
      return closest.find((peer) => (this.#unreachable.get(peer) ?? 0) <= now)
    } catch (error) {
      if (!signal.aborted) this.#init.onTrouble(error as Error)
      return undefined
    }
  }

  /** @throws PeerUnreachableError, or the reason of a signal */
  open(peer: string): Promise<MessageStream> {
    return this.#host.open(peer, coordinationProtocol, {
      signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(openTimeoutMs)]),
      maxMessageBytes: maxCoordinationMessageBytes,
    })
  }

  /** The peer does not answer, or will not have us: the next closest is chosen for a while. */
  passOver(peer: string): void {
    const { passOverMs = defaultPassOverMs } = this.#init
    this.#unreachable.set(peer, performance.now() + passOverMs)
    this.#reviewIn(passOverMs + settleMs)
  }

  #reviewIn(ms: number): void {
    if (this.#stopped.signal.aborted) return
    this.#reviewTimer ??= setTimeout(() => {
      this.#reviewTimer = undefined
      void this.#review()
    }, ms).unref()
  }

  async #review(): Promise<void> {
    const current = this.#init.current()
    // Whoever comes while the line to another is being opened is not forgotten.
    if (current === undefined) return this.#reviewIn(settleMs)
    const closest = await this.closest()
    if (closest === undefined || closest === current) return
    if ((await this.#answers(closest)) && current === this.#init.current()) this.#init.onCloser()
  }

  /** One that hangs is not worth leaving another for. */
  async #answers(peer: string): Promise<boolean> {
    if (peer === this.#host.peer) return true
    const { signal } = this.#stopped
    try {
      const stream = await this.open(peer)
      await stream.close({ signal })
      return true
    } catch (error) {
      if (!signal.aborted) this.#init.onTrouble(error as Error)
      this.passOver(peer)
      return false
    }
  }
}
