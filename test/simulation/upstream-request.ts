import type { ChunkRun } from '@shoal/content'
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
  #isCut = false

  constructor(world: World, init: { node: SimulatedNode; run: ChunkRun; onEnd: () => void }) {
    this.#world = world
    this.#node = init.node
    this.#run = init.run
    this.#onEnd = init.onEnd
    world.time.after(2 * world.scenario.upstreamLatency, () => this.#next(init.run.start))
  }

  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    if (this.#flow === undefined) return
    this.#world.wasted(this.#flow.sent)
    this.#flow.cut()
  }

  #next(index: number): void {
    if (this.#isCut) return
    if (!this.#isAnyWanted(index)) {
      this.#isCut = true
      return this.#onEnd()
    }
    this.#flow = this.#world.download(this.#node, this.#world.layout.lengthOf(index), () => {
      this.#flow = undefined
      if (this.#isCut) return
      this.#node.store(index, 'upstream')
      this.#next(index + 1)
    })
  }

  #isAnyWanted(from: number): boolean {
    for (let index = from; index < this.#run.end; index++) if (this.#node.isFetching(index)) return true
    return false
  }
}
