import type { ChunkRun } from '@shoal/content'
import type { LeaseEvent } from '../../packages/swarm/dist/coordination/lease-events.js'
import { landedDelayMs, minNewsIntervalMs } from '../../packages/swarm/dist/coordination/news-interval.js'
import type { DownloadEvent } from '../../packages/swarm/dist/download/download-events.js'
import type { FarShare } from '../../packages/swarm/dist/zones.js'
import type { MemberEvents, SimulatedCoordinator } from './simulated-coordinator.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { World } from './simulated-swarm.ts'

/** As the product's line has it: to find that a coordinator is gone takes nothing, to go to the next one a moment. */
const rejoinMs = 200
const dialMs = 12

export interface CoordinatorLineInit {
  readonly node: SimulatedNode
  readonly outstanding: () => ChunkRun[]
  readonly dispatch: (event: DownloadEvent) => void
}

/** A node's line to the blob's coordinator, with the delays of the product's. */
export class CoordinatorLine implements MemberEvents {
  readonly #world: World
  readonly #init: CoordinatorLineInit
  #coordinator: SimulatedCoordinator | undefined
  #unsent: LeaseEvent[] = []
  #vouched = 0
  #flushAt = Number.POSITIVE_INFINITY
  #newsDelayMs = minNewsIntervalMs

  get node(): SimulatedNode {
    return this.#init.node
  }

  constructor(world: World, init: CoordinatorLineInit) {
    this.#world = world
    this.#init = init
  }

  join(): void {
    const { time, scenario } = this.#world
    time.after(dialMs + 2 * scenario.latency, () => {
      const { node, outstanding, dispatch } = this.#init
      if (!node.isAlive) return
      const coordinator = this.#world.coordinator()
      this.#unsent = []
      this.#world.message(coordinator.node, () =>
        coordinator.join({ name: node.name, held: node.held.clone(), leased: outstanding(), events: this }),
      )
      this.#coordinator = coordinator
      dispatch({ type: 'coordinated', connected: true })
    })
  }

  landed(index: number, isVouched: boolean): void {
    this.#unsent.push({ type: 'landed', member: this.#init.node.name, index })
    if (isVouched) this.#vouched++
    const { node, outstanding } = this.#init
    const isOnly = ({ start, end }: ChunkRun) => start === index && end === index + 1
    const delayMs = landedDelayMs({
      isLocal: this.#coordinator?.node === node,
      wasLeased: isVouched,
      isLast: isVouched && outstanding().every(isOnly),
      newsDelayMs: this.#newsDelayMs,
    })
    this.#flush(delayMs)
  }

  send(event: LeaseEvent): void {
    this.#unsent.push(event)
    this.#flush(0)
  }

  leave(): void {
    const coordinator = this.#coordinator
    this.#coordinator = undefined
    this.#world.time.after(this.#world.scenario.latency, () => coordinator?.leave(this.#init.node.name))
  }

  onNeighbours(peers: readonly string[], complete: boolean): void {
    this.#init.dispatch({ type: 'found', peers, complete })
  }

  onFarShare(farShare: FarShare): void {
    this.#init.dispatch({ type: 'shared', farShare })
  }

  onLeased(runs: readonly ChunkRun[]): void {
    this.#init.dispatch({ type: 'leased', runs })
  }

  onRevoked(runs: readonly ChunkRun[]): void {
    this.#init.dispatch({ type: 'revoked', runs })
  }

  onNewsInterval(ms: number): void {
    this.#newsDelayMs = ms
  }

  onLost(): void {
    this.#coordinator = undefined
    this.#init.dispatch({ type: 'coordinated', connected: false })
    this.#world.time.after(rejoinMs, () => this.join())
  }

  #flush(inMs: number): void {
    const { time } = this.#world
    const at = time.now + inMs
    if (at >= this.#flushAt) return
    this.#flushAt = at
    time.after(inMs, () => {
      if (at !== this.#flushAt) return
      this.#flushAt = Number.POSITIVE_INFINITY
      const coordinator = this.#coordinator
      if (coordinator === undefined || this.#unsent.length === 0) return
      const events = this.#unsent
      const hasVouched = this.#vouched > 0
      this.#unsent = []
      this.#vouched = 0
      this.#world.message(coordinator.node, () => {
        coordinator.receive(events)
        if (hasVouched) coordinator.vouched()
      })
    })
  }
}
