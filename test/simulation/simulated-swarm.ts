import type { ChunkLayout } from '@shoal/content'
import { CoarseLayout, layoutFor } from './coarse-layout.ts'
import { Downlink, Flow, Uplink } from './link.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedCoordinator } from './simulated-coordinator.ts'
import { SimulatedNode } from './simulated-node.ts'
import { VirtualTime } from './virtual-time.ts'

/** A swarm that makes no progress for so long has hung. */
const maxIdleMs = 120_000
const slowFactor = 0.1
const minPieceBytes = 512 * 1024

/** What nodes need of the world around them. */
export interface World {
  readonly time: VirtualTime
  readonly scenario: Scenario
  readonly layout: ChunkLayout
  /** What is sent at a time: small beside a chunk, so that flows share a link as TCP connections do. */
  readonly pieceBytes: number
  /** 0 to 1, by the seed. */
  readonly random: () => number
  node(name: string): SimulatedNode | undefined
  /** The coordinator that everybody finds: of those that live, the closest to the blob. */
  coordinator(): SimulatedCoordinator
  /** Sends a control message to a node. */
  message(to: SimulatedNode, hear: () => void): void
  /** Brings something to a node in so many milliseconds. */
  deliver(to: SimulatedNode, ms: number, hear: () => void): void
  /** From one node to another. */
  flow(
    from: SimulatedNode,
    to: SimulatedNode,
    flow: { bytes: number; onSent: () => void; onEnd: () => void },
  ): Flow
  /** From upstream. */
  download(to: SimulatedNode, bytes: number, onEnd: () => void): Flow
  /** So many bytes of a download came that was cut before its end. */
  wasted(bytes: number): void
  completed(node: SimulatedNode): void
}

/** How it went. Milliseconds since the first node came. */
export interface Outcome {
  /** When each node that lived had the whole, in order of time. */
  readonly completedAt: readonly number[]
  /** The same, by node: since the node came, and whether its link is a slow one. */
  readonly pulls: readonly { readonly took: number; readonly isSlow: boolean }[]
  readonly survivors: number
  readonly upstreamBytes: number
  readonly layout: ChunkLayout
  readonly messages: number
  /** What went through each line between two zones. */
  readonly zoneBytes: readonly number[]
}

/** Many nodes that pull one layer: the very planner and lease table of the product, on a network of the imagination. */
export class SimulatedSwarm implements World {
  readonly time = new VirtualTime()
  readonly scenario: Scenario
  readonly layout: ChunkLayout
  readonly pieceBytes: number
  readonly random: () => number
  readonly #nodes = new Map<string, SimulatedNode>()
  /** All nodes, the closest to the blob first. */
  readonly #ranking: SimulatedNode[]
  readonly #coordinators = new Map<SimulatedNode, SimulatedCoordinator>()
  readonly #upstream: Uplink
  readonly #zoneLinks = new Map<string, Downlink>()
  readonly #done: SimulatedNode[] = []
  #upstreamBytes = 0
  #messages = 0
  #living: number
  #lastCompletion = 0

  constructor(scenario: Scenario) {
    this.scenario = scenario
    const { size, chunk, nodes } = scenario
    this.layout = chunk === undefined ? layoutFor(size, nodes) : new CoarseLayout(size, chunk)
    this.pieceBytes = Math.max(minPieceBytes, this.layout.chunkLength / 2)
    this.random = seeded(scenario.seed)
    this.#living = scenario.nodes
    this.#upstream = new Uplink(this.time, scenario.upstream)
    for (let n = 0; n < scenario.nodes; n++) {
      const isSlow = n < Math.round(scenario.slow * scenario.nodes)
      const rate = isSlow ? scenario.link * slowFactor : scenario.link
      const node = new SimulatedNode(this, { name: `node${n}`, rate, isSlow, zone: n % scenario.zones })
      this.#nodes.set(node.name, node)
    }
    this.#ranking = shuffled([...this.#nodes.values()], this.random)
  }

  run(): Outcome {
    const { arrival, killed, nodes } = this.scenario
    for (const node of this.#nodes.values()) this.time.after(this.random() * arrival, () => node.arrive())
    if (killed > 0) {
      const doomed = shuffled([...this.#nodes.values()], this.random).slice(0, Math.round(killed * nodes))
      this.time.after(this.#midway(), () => this.#kill(doomed))
    }
    this.time.run(
      () =>
        this.#done.length === this.#living ||
        this.time.now - this.#lastCompletion > maxIdleMs + this.#midway() * 20,
    )
    return this.#outcome()
  }

  node(name: string): SimulatedNode | undefined {
    return this.#nodes.get(name)
  }

  coordinator(): SimulatedCoordinator {
    const closest = this.#ranking.find(({ isAlive }) => isAlive)
    if (closest === undefined) throw new Error('all nodes are dead')
    const known = this.#coordinators.get(closest)
    if (known !== undefined) return known
    const coordinator = new SimulatedCoordinator(this, closest)
    this.#coordinators.set(closest, coordinator)
    return coordinator
  }

  message(to: SimulatedNode, hear: () => void): void {
    this.#messages++
    this.deliver(to, this.scenario.latency, hear)
  }

  deliver(to: SimulatedNode, ms: number, hear: () => void): void {
    this.time.after(ms, () => to.hear(hear))
  }

  flow(
    from: SimulatedNode,
    to: SimulatedNode,
    flow: { bytes: number; onSent: () => void; onEnd: () => void },
  ): Flow {
    return new Flow({
      ...flow,
      time: this.time,
      pieceBytes: this.pieceBytes,
      from: from.uplink,
      way: this.#way(from.zone, to),
      deliver: (ms, hear) => this.deliver(to, ms + this.scenario.latency, hear),
    })
  }

  download(to: SimulatedNode, bytes: number, onEnd: () => void): Flow {
    const counted = () => {
      this.#upstreamBytes += bytes
      onEnd()
    }
    // Upstream is in the first zone.
    return new Flow({
      time: this.time,
      pieceBytes: this.pieceBytes,
      from: this.#upstream,
      way: this.#way(0, to),
      bytes,
      deliver: (ms, hear) => this.deliver(to, ms, hear),
      onEnd: counted,
    })
  }

  /** Bytes of a download that was cut before its end. */
  wasted(bytes: number): void {
    this.#upstreamBytes += bytes
  }

  completed(node: SimulatedNode): void {
    this.#done.push(node)
    this.#lastCompletion = this.time.now
  }

  #midway(): number {
    const { size, upstream, link } = this.scenario
    return (size / Math.min(upstream, link)) * 0.5
  }

  #kill(nodes: readonly SimulatedNode[]): void {
    for (const node of nodes) {
      const place = this.#done.indexOf(node)
      if (place >= 0) this.#done.splice(place, 1)
      this.#living--
      this.#coordinators.get(node)?.die()
      node.die()
    }
  }

  #way(fromZone: number, to: SimulatedNode): Downlink[] {
    const { zoneLink } = this.scenario
    if (zoneLink === undefined || fromZone === to.zone) return [to.downlink]
    const name = `${fromZone} to ${to.zone}`
    const link = this.#zoneLinks.get(name) ?? new Downlink(zoneLink, this.pieceBytes)
    this.#zoneLinks.set(name, link)
    return [link, to.downlink]
  }

  #outcome(): Outcome {
    const pulls = this.#done.map(({ took = 0, isSlow }) => ({ took, isSlow }))
    return {
      completedAt: this.#done.map(({ completedAt = 0 }) => completedAt).sort((a, b) => a - b),
      pulls,
      survivors: this.#living,
      upstreamBytes: this.#upstreamBytes,
      layout: this.layout,
      zoneBytes: [...this.#zoneLinks.values()].map(({ bytes }) => bytes),
      messages: this.#messages,
    }
  }
}

/** A small seeded generator (mulberry32), so that a run can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const item = items[last] as T
    items[last] = items[other] as T
    items[other] = item
  }
  return items
}
