import type { DownloadEvent } from '../../packages/swarm/dist/download/download-events.js'
import { newsIntervalMs } from '../../packages/swarm/dist/exchange/news-interval.js'
import { uploadCost } from '../../packages/swarm/dist/exchange/upload-turns.js'
import type { Flow } from './link.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { World } from './simulated-swarm.ts'

/** One node loads from another: wants, news and chunks, as on the product's exchange stream. */
export class Session {
  readonly holder: SimulatedNode
  readonly #requester: SimulatedNode
  readonly #world: World
  /** In order of asking. */
  readonly #wants = new Set<number>()
  /** How much of what the holder got it has told. */
  #told: number
  #newsAt = Number.POSITIVE_INFINITY
  #sending: { readonly flow: Flow; readonly index: number } | undefined
  /** Of the chunk that is coming, bytes that the requester was told of as progress. */
  #noted = 0
  #ended = false
  #unsent: { wants: number[]; cancels: number[] } | undefined

  constructor(world: World, init: { holder: SimulatedNode; requester: SimulatedNode }) {
    this.#world = world
    this.holder = init.holder
    this.#requester = init.requester
    this.#told = init.holder.landed.length
    this.holder.uploads.add(this)
  }

  want(index: number): void {
    this.#later().wants.push(index)
  }

  cancel(index: number): void {
    this.#later().cancels.push(index)
  }

  /** The holder has got a chunk. */
  hasNews(index?: number): void {
    if (this.#told === this.holder.landed.length) return
    const isNews = index === undefined || !this.holder.knowsThatHolds(this.#requester.name, index)
    const isIdle = isNews && this.#sending === undefined && !this.holder.turns.isWaiting(this)
    this.#tellWithin(newsIntervalMs({ isIdle, listeners: this.holder.uploads.size }))
  }

  #tellWithin(ms: number): void {
    const { time } = this.#world
    const at = time.now + ms
    if (at >= this.#newsAt) return
    this.#newsAt = at
    time.after(ms, () => {
      if (this.#ended || at !== this.#newsAt) return
      const news = this.#takeNews()
      if (news.length > 0) this.#tell(news)
    })
  }

  /** What came of a chunk since the last time shows that the holder is not silent. */
  noteProgress(): void {
    if (this.#sending === undefined) return
    const bytes = this.#sending.flow.arrived - this.#noted
    if (bytes < 64 * 1024) return
    this.#noted += bytes
    this.#requester.dispatch({ type: 'progress', peer: this.holder.name, bytes })
  }

  /** The requester has enough, or is gone. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#sending?.flow.cut()
    const accepted = this.#wants.size + (this.#sending === undefined ? 0 : 1)
    this.#sending = undefined
    this.#world.time.after(this.#world.scenario.latency, () => {
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
    this.#sending?.flow.cut()
    this.#sending = undefined
    this.#world.time.after(this.#world.scenario.latency, () => this.#requester.lost(this))
  }

  /** What is asked for at one instant travels in one message. */
  #later(): { wants: number[]; cancels: number[] } {
    if (this.#unsent !== undefined) return this.#unsent
    const unsent = { wants: [] as number[], cancels: [] as number[] }
    this.#unsent = unsent
    this.#world.time.after(0, () => {
      this.#unsent = undefined
      this.#world.message(this.#requester, () => this.#receive(unsent))
    })
    return unsent
  }

  #receive({ wants, cancels }: { wants: number[]; cancels: number[] }): void {
    if (this.#ended) return
    const { turns } = this.holder
    for (const index of cancels) if (this.#wants.delete(index)) grantAll(turns.done(this, 0))
    const refused: number[] = []
    for (const index of wants) {
      if (turns.want(this)) this.#wants.add(index)
      else refused.push(index)
    }
    if (refused.length > 0) {
      this.#world.message(this.holder, () =>
        this.#dispatch({ type: 'busy', peer: this.holder.name, indexes: refused }),
      )
    }
    this.#sendNext()
  }

  decline(): void {
    this.#world.message(this.#requester, () => grantAll(this.holder.turns.decline(this)))
  }

  /** The holder has a slot for the requester. */
  grant(): void {
    const news = this.#takeNews()
    this.#world.message(this.holder, () => {
      if (news.length > 0) this.#has(news)
      this.#dispatch({ type: 'granted', peer: this.holder.name })
    })
  }

  #sendNext(): void {
    if (this.#sending !== undefined) return
    const [index] = this.#wants
    if (index === undefined) return
    this.#wants.delete(index)
    const bytes = this.#world.layout.lengthOf(index)
    const news = this.#takeNews()
    if (news.length > 0) this.#world.time.after(this.#world.scenario.latency, () => this.#has(news))
    this.#noted = 0
    const flow = this.#world.flow(this.holder, this.#requester, bytes, () => this.#sent(index, bytes))
    this.#sending = { flow, index }
  }

  #sent(index: number, bytes: number): void {
    this.#sending = undefined
    const noted = this.#noted
    const peer = this.holder.name
    const waits = this.holder.turns.waitAgain(this)
    this.#world.time.after(this.#world.scenario.latency, () => {
      if (this.#ended) return
      if (waits) this.#dispatch({ type: 'busy', peer, indexes: [] })
      this.#dispatch({ type: 'progress', peer, bytes: bytes - noted })
      this.#requester.store(index, peer)
    })
    grantAll(this.holder.turns.done(this, uploadCost(bytes, this.#requester.sources)))
    this.#sendNext()
    this.hasNews()
  }

  #dispatch(event: DownloadEvent): void {
    if (!this.#ended) this.#requester.dispatch(event)
  }

  #takeNews(): number[] {
    const news = this.holder.landed.slice(this.#told)
    this.#told = this.holder.landed.length
    this.#newsAt = Number.POSITIVE_INFINITY
    return news
  }

  #tell(news: number[]): void {
    this.#world.message(this.holder, () => this.#has(news))
  }

  #has(indexes: number[]): void {
    if (!this.#ended) this.#requester.dispatch({ type: 'has', peer: this.holder.name, indexes })
  }
}

function grantAll(sessions: readonly Session[]): void {
  for (const session of sessions) session.grant()
}
