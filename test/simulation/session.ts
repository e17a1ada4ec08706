import { newsIntervalMs } from '../../packages/swarm/dist/exchange/news-interval.js'
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
  #nextNewsAt = 0
  #isNewsDue = false
  #isWaiting = false
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
  hasNews(): void {
    if (this.#isNewsDue || this.#sending !== undefined) return
    this.#isNewsDue = true
    const { time } = this.#world
    time.after(Math.max(0, this.#nextNewsAt - time.now), () => {
      this.#isNewsDue = false
      if (this.#ended || time.now < this.#nextNewsAt) return
      const news = this.#takeNews()
      if (news.length > 0) this.#tell(news)
    })
  }

  /** What came of a chunk since the last time shows that the holder is not silent. */
  noteProgress(): void {
    if (this.#sending === undefined) return
    const bytes = this.#sending.flow.passed - this.#noted
    if (bytes < 64 * 1024) return
    this.#noted += bytes
    this.#requester.dispatch({ type: 'progress', peer: this.holder.name, bytes })
  }

  /** The requester has enough, or is gone. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#sending?.flow.cut()
    const wasSending = this.#sending !== undefined
    this.#sending = undefined
    this.#world.time.after(this.#world.scenario.latency, () => {
      this.holder.uploads.delete(this)
      this.holder.turns.forget(this)
      if (wasSending && this.holder.isAlive) this.holder.turns.done(this, 0)?.begin()
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
    for (const index of cancels) this.#wants.delete(index)
    for (const index of wants) this.#wants.add(index)
    this.#askForTurn()
  }

  #askForTurn(): void {
    if (this.#isWaiting || this.#sending !== undefined || this.#wants.size === 0) return
    if (this.holder.turns.ask(this)) this.begin()
    else this.#isWaiting = true
  }

  /** It is this session's turn to send. */
  begin(): void {
    this.#isWaiting = false
    const [index] = this.#wants
    if (index === undefined || this.#ended) {
      this.holder.turns.done(this, 0)?.begin()
      return
    }
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
    this.#world.time.after(this.#world.scenario.latency, () => {
      if (this.#ended) return
      const peer = this.holder.name
      this.#requester.dispatch({ type: 'progress', peer, bytes: bytes - noted })
      this.#requester.store(index, peer)
    })
    this.holder.turns.done(this, bytes)?.begin()
    this.#askForTurn()
    this.hasNews()
  }

  #takeNews(): number[] {
    const news = this.holder.landed.slice(this.#told)
    this.#told = this.holder.landed.length
    this.#nextNewsAt = this.#world.time.now + newsIntervalMs(this.holder.uploads.size)
    return news
  }

  #tell(news: number[]): void {
    this.#world.message(this.holder, () => this.#has(news))
  }

  #has(indexes: number[]): void {
    if (!this.#ended) this.#requester.dispatch({ type: 'has', peer: this.holder.name, indexes })
  }
}
