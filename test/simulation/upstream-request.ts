import type { ChunkRun } from '@shoal/content'
import { workingIntervalMs } from '../../packages/swarm/dist/coordination/news-interval.js'
import type { Flow } from './link.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { World } from './simulated-swarm.ts'

/** A range request to upstream: its chunks come one after the other. */
export class UpstreamRequest {
  readonly #world: World
  readonly #node: SimulatedNode
  readonly #run: ChunkRun
  readonly #onEnd: () => void
  #flow: Flow | undefined
  /** Bytes of the chunks before. */
  #stored = 0
  #toldOf = 0
  #isOver = false

  constructor(world: World, init: { node: SimulatedNode; run: ChunkRun; onEnd: () => void }) {
    this.#world = world
    this.#node = init.node
    this.#run = init.run
    this.#onEnd = init.onEnd
    world.time.after(2 * world.scenario.upstreamLatency, () => this.#next(init.run.start))
    this.#tellOfWork()
  }

  cut(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#flow === undefined) return
    this.#world.wasted(this.#flow.sent)
    this.#flow.cut()
  }

  #next(index: number): void {
    if (this.#isOver) return
    if (!this.#isAnyWanted(index)) {
      this.#isOver = true
      return this.#onEnd()
    }
    this.#flow = this.#world.download(this.#node, this.#world.layout.lengthOf(index), () => {
      this.#flow = undefined
      if (this.#isOver) return
      this.#stored += this.#world.layout.lengthOf(index)
      this.#node.store(index, 'upstream')
      this.#next(index + 1)
    })
  }

  #tellOfWork(): void {
    this.#world.time.after(workingIntervalMs, () => {
      if (this.#isOver || !this.#node.isAlive) return
      const passed = this.#stored + (this.#flow?.passed ?? 0)
      if (passed > this.#toldOf) this.#node.working()
      this.#toldOf = passed
      this.#tellOfWork()
    })
  }

  #isAnyWanted(from: number): boolean {
    for (let index = from; index < this.#run.end; index++) if (this.#node.isFetching(index)) return true
    return false
  }
}
