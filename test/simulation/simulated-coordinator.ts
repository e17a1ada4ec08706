import type { ChunkRun, ChunkSet } from '@shoal/content'
import type { LeaseEvent } from '../../packages/swarm/dist/coordination/lease-events.js'
import { LeaseTable } from '../../packages/swarm/dist/coordination/lease-table.js'
import { newsIntervalMs } from '../../packages/swarm/dist/coordination/news-interval.js'
import type { FarShare } from '../../packages/swarm/dist/zones.js'
import type { SimulatedNode } from './simulated-node.ts'
import type { World } from './simulated-swarm.ts'

/** As the product's coordinator has them. */
const settleMs = 100
const tickMs = 1_000

/** What a member hears from its coordinator. */
export interface MemberEvents {
  /** Whose they are. */
  readonly node: SimulatedNode
  onNeighbours(peers: readonly string[], complete: boolean): void
  onFarShare(farShare: FarShare): void
  onLeased(runs: readonly ChunkRun[]): void
  onRevoked(runs: readonly ChunkRun[]): void
  onNewsInterval(ms: number): void
  onLost(): void
}

/** The product's lease table on one of the nodes, at the end of simulated lines. */
export class SimulatedCoordinator {
  readonly #world: World
  readonly node: SimulatedNode
  readonly #table: LeaseTable
  readonly #members = new Map<string, MemberEvents>()
  /** Chunks that were vouched for and not yet told of. */
  #isTelling = false
  #isTicking = false
  #isDead = false

  constructor(world: World, node: SimulatedNode) {
    this.#world = world
    this.node = node
    this.#table = new LeaseTable({ chunkCount: world.layout.count, random: world.random })
    world.time.after(settleMs, () => this.#step({ type: 'settled' }))
  }

  join(member: { name: string; held: ChunkSet; leased: ChunkRun[]; events: MemberEvents }): void {
    const { name, held, leased, events } = member
    if (this.#isDead) return events.onLost()
    this.#members.set(name, events)
    this.#tick()
    this.#send(events, () => events.onNewsInterval(newsIntervalMs(this.#members.size)))
    this.#step({ type: 'join', member: name, held, leased, zone: `${events.node.zone}` })
  }

  /** A member's message. */
  receive(events: readonly LeaseEvent[]): void {
    for (const event of events) this.#step(event)
  }

  leave(name: string): void {
    this.#members.delete(name)
    this.#step({ type: 'leave', member: name })
  }

  /** Somebody fetched a chunk and vouches for it: all members are told, together with what comes until then. */
  vouched(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    this.#world.time.after(newsIntervalMs(this.#members.size), () => {
      this.#isTelling = false
      for (const member of this.#members.values()) this.#send(member, () => undefined)
    })
  }

  die(): void {
    this.#isDead = true
    for (const events of this.#members.values())
      this.#world.time.after(this.#world.scenario.latency, () => events.onLost())
    this.#members.clear()
  }

  #tick(): void {
    if (this.#isTicking) return
    this.#isTicking = true
    this.#world.time.after(tickMs, () => {
      this.#isTicking = false
      this.#step({ type: 'tick' })
      if (this.#members.size > 0) this.#tick()
    })
  }

  #step(event: LeaseEvent): void {
    if (this.#isDead) return
    for (const command of this.#table.step(event, this.#world.time.now)) {
      const events = this.#members.get(command.member)
      if (events === undefined) continue
      if (command.type === 'lease') this.#send(events, () => events.onLeased(command.runs))
      else if (command.type === 'revoke') this.#send(events, () => events.onRevoked(command.runs))
      else {
        const complete = new Set(command.complete)
        const others = command.peers.filter((peer) => !complete.has(peer))
        this.#send(events, () => {
          if (command.farShare !== undefined) events.onFarShare(command.farShare)
          if (command.complete.length > 0) events.onNeighbours(command.complete, true)
          if (others.length > 0) events.onNeighbours(others, false)
        })
      }
    }
  }

  #send(to: MemberEvents, hear: () => void): void {
    this.#world.message(to.node, hear)
  }
}
