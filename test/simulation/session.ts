import type { DownloadEvent } from '../../packages/swarm/dist/download/download-events.js'
import { uploadCost } from '../../packages/swarm/dist/exchange/upload-turns.js'
import type { Flow } from './link.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { World } from './simulated-swarm.ts'

/** A chunk on its way. */
interface Sending {
  readonly index: number
  readonly bytes: number
  /** Bytes that the requester was told of as progress. */
  noted: number
  /** The holder has a slot for the requester again: that is said behind it. */
  isGranted: boolean
  flow: Flow | undefined
}

/** One node loads from another: wants, news and chunks, as on the product's exchange stream. */
export class Session {
  readonly holder: SimulatedNode
  readonly #requester: SimulatedNode
  readonly #world: World
  /** In order of asking. */
  readonly #wants = new Set<number>()
  /** How much of what the holder got it has told. */
  #told: number
  /** How much of it the requester is known to have itself, though it was not told. */
  #known = 0
  /** The requester waits for a slot, or was granted one that it has not used yet. */
  #isWaiting = false
  /** What is leaving the holder. */
  #sending: Sending | undefined
  /** What has left the holder, and is not known to be in: each takes its slot. */
  readonly #unacknowledged = new Set<Sending>()
  /** What has not come in yet; the last of it, if there are several. */
  #coming: Sending | undefined
  #ended = false
  #unsent: { wants: number[]; cancels: number[] } | undefined

  constructor(world: World, init: { holder: SimulatedNode; requester: SimulatedNode }) {
    this.#world = world
    this.holder = init.holder
    this.#requester = init.requester
    this.#told = init.holder.landed.length
    this.holder.uploads.add(this)
  }

  get isFar(): boolean {
    return this.holder.zone !== this.#requester.zone
  }

  want(index: number): void {
    this.#unsentOrNew().wants.push(index)
  }

  cancel(index: number): void {
    this.#unsentOrNew().cancels.push(index)
  }

  /** Sends what was asked for and cancelled at this instant, in one message. */
  flush(): void {
    const unsent = this.#unsent
    this.#unsent = undefined
    if (unsent !== undefined) this.#world.message(this.holder, () => this.#receive(unsent))
  }

  /** Whether there is something that the requester was not told of. */
  get hasNews(): boolean {
    return this.#told < this.holder.landed.length
  }

  /** Tells news, unless they will soon travel with a chunk or a grant. */
  tellIdle(): void {
    if (!this.hasNews || this.#isWaiting || this.#sending !== undefined) return
    const { landed } = this.holder
    for (let place = Math.max(this.#told, this.#known); place < landed.length; place++) {
      if (!this.holder.knowsThatHolds(this.#requester.name, landed[place] as number)) return this.#tell()
    }
    this.#known = landed.length
  }

  /** Tells news that have waited for so long. */
  tellAfter(ms: number): void {
    if (this.hasNews && this.#world.time.now - (this.holder.landedAt[this.#told] as number) >= ms)
      this.#tell()
  }

  /** What came of a chunk since the last time shows that the holder is not silent. */
  noteProgress(): void {
    if (this.#sending === undefined) return
    const bytes = (this.#sending.flow?.passed ?? 0) - this.#sending.noted
    if (bytes < 16 * 1024) return
    this.#sending.noted += bytes
    this.#requester.dispatch({ type: 'progress', peer: this.holder.name, bytes })
  }

  /** The requester has enough, or is gone. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#sending?.flow?.cut()
    this.#requester.loading.delete(this)
    const accepted = this.#wants.size + (this.#sending === undefined ? 0 : 1) + this.#unacknowledged.size
    this.#unacknowledged.clear()
    this.#sending = undefined
    this.#world.deliver(this.holder, this.#world.scenario.latency, () => {
      this.holder.uploads.delete(this)
      if (!this.holder.isAlive) return
      const { turns } = this.holder
      grantAll(turns.leave(this))
      for (let n = 0; n < accepted; n++) grantAll(turns.done(this, 0))
    })
  }

  /** The holder is gone. */
  lose(): void {
    this.#ended = true
    this.#requester.loading.delete(this)
    this.#sending?.flow?.cut()
    this.#sending = undefined
    this.#world.deliver(this.#requester, this.#world.scenario.latency, () => this.#requester.lost(this))
  }

  #unsentOrNew(): { wants: number[]; cancels: number[] } {
    if (this.#unsent === undefined) {
      this.#unsent = { wants: [], cancels: [] }
      this.#requester.flushLater(this)
    }
    return this.#unsent
  }

  #receive({ wants, cancels }: { wants: number[]; cancels: number[] }): void {
    if (this.#ended) return
    const { turns } = this.holder
    for (const index of cancels) if (this.#wants.delete(index)) grantAll(turns.done(this, 0))
    const refused: number[] = []
    for (const index of wants) {
      if (turns.want(this)) {
        this.#isWaiting = false
        this.#wants.add(index)
      } else refused.push(index)
    }
    if (refused.length > 0) {
      this.#isWaiting = true
      this.#world.message(this.#requester, () =>
        this.#dispatch({ type: 'busy', peer: this.holder.name, indexes: refused }),
      )
    }
    this.#sendNext()
  }

  decline(): void {
    this.#world.message(this.holder, () => {
      this.#isWaiting = false
      grantAll(this.holder.turns.decline(this))
      this.holder.tellSoon()
    })
  }

  /** The holder has a slot for the requester. */
  grant(): void {
    const coming = this.#coming
    const news = this.#takeNews()
    this.#world.message(this.#requester, () => {
      if (news.length > 0) this.#has(news)
      if (coming !== undefined && coming === this.#coming) coming.isGranted = true
      else this.#dispatch({ type: 'granted', peer: this.holder.name })
    })
  }

  #sendNext(): void {
    if (this.#sending !== undefined) return
    const [index] = this.#wants
    if (index === undefined) return
    this.#wants.delete(index)
    const bytes = this.#world.layout.lengthOf(index)
    const news = this.#takeNews()
    const waits = this.holder.turns.waitAgain(this)
    if (waits) this.#isWaiting = true
    if (news.length > 0 || waits) {
      this.#world.deliver(this.#requester, this.#world.scenario.latency, () => {
        if (news.length > 0) this.#has(news)
        if (waits) this.#dispatch({ type: 'busy', peer: this.holder.name, indexes: [] })
      })
    }
    const sending: Sending = { index, bytes, noted: 0, isGranted: false, flow: undefined }
    this.#sending = sending
    this.#coming = sending
    this.#requester.loading.add(this)
    sending.flow = this.#world.flow(this.holder, this.#requester, {
      bytes,
      onSent: () => this.#sent(sending),
      onEnd: () => this.#arrived(sending),
    })
  }

  /** A chunk has left the holder. */
  #sent(sending: Sending): void {
    this.#sending = undefined
    this.#unacknowledged.add(sending)
    this.#sendNext()
    if (this.hasNews) this.holder.tellSoon()
  }

  #arrived(sending: Sending): void {
    if (this.#ended) return
    if (this.#coming === sending) {
      this.#coming = undefined
      this.#requester.loading.delete(this)
    }
    const { index, bytes, noted, isGranted } = sending
    const peer = this.holder.name
    this.#dispatch({ type: 'progress', peer, bytes: bytes - noted })
    this.#requester.store(index, peer)
    this.#world.message(this.holder, () => this.#acknowledged(sending))
    if (isGranted) this.#dispatch({ type: 'granted', peer })
  }

  /** The holder hears that a chunk is in. */
  #acknowledged(sending: Sending): void {
    if (!this.#unacknowledged.delete(sending)) return
    const { turns, slots } = this.holder
    slots.sent(sending.bytes, this.#world.time.now)
    grantAll(turns.done(this, this.isFar ? 0 : uploadCost(sending.bytes, this.#requester.sources)))
    if (this.hasNews) this.holder.tellSoon()
  }

  #dispatch(event: DownloadEvent): void {
    if (!this.#ended) this.#requester.dispatch(event)
  }

  #takeNews(): number[] {
    const news = this.holder.landed.slice(this.#told)
    this.#told = this.holder.landed.length
    return news
  }

  #tell(): void {
    const news = this.#takeNews()
    this.#world.message(this.#requester, () => this.#has(news))
  }

  #has(indexes: number[]): void {
    if (!this.#ended) this.#requester.dispatch({ type: 'has', peer: this.holder.name, indexes })
  }
}

function grantAll(sessions: readonly Session[]): void {
  for (const session of sessions) session.grant()
}
