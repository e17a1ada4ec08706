import type { AbortOptions } from '@shoal/content'
import type { AgentProcess } from './agent-process.ts'
import type { PullInit } from './image-puller.ts'
import { KillPlan } from './kill-plan.ts'
import { NodePull } from './node-pull.ts'
import { Progress } from './progress.ts'
import type { DemoReport } from './report.ts'
import type { UpstreamThread } from './upstream-thread.ts'

export interface SwarmPullInit {
  readonly nodes: readonly AgentProcess[]
  readonly upstream: UpstreamThread
  readonly image: Pick<PullInit, 'namespace' | 'name' | 'tag'>
  /** Of the image. */
  readonly imageBytes: number
  /** How many nodes to kill midway. */
  readonly kill: number
  readonly output: NodeJS.WriteStream
}

/** All nodes pull the image at once. Nodes may die meanwhile, by our hand or by another: the others go on. */
export class SwarmPull {
  readonly #init: SwarmPullInit
  readonly #pulls: readonly NodePull[]
  readonly #progress: Progress
  readonly #killPlan: KillPlan
  #killed = 0

  constructor(init: SwarmPullInit) {
    this.#init = init
    const { imageBytes } = init
    this.#killPlan = new KillPlan({ count: init.kill, imageBytes, random: Math.random })
    const names = init.nodes.map(({ name }) => name)
    this.#progress = new Progress(names, imageBytes, init.output)
    const onChange = (pull: NodePull) => this.#changed(pull)
    this.#pulls = init.nodes.map(
      (node, index) => new NodePull({ ...init.image, id: index + 1, node, onChange }),
    )
  }

  /** @throws only when aborted */
  async run(options: AbortOptions): Promise<DemoReport> {
    const started = performance.now()
    try {
      await Promise.all(this.#pulls.map((pull) => pull.run(options)))
      return this.#report((performance.now() - started) / 1000)
    } finally {
      this.#progress.stop()
    }
  }

  /** The nodes that ended by themselves, each with the end of its log. */
  get crashes(): readonly Error[] {
    return this.#pulls.flatMap(({ death }) => (death?.crashed === true ? [death.error] : []))
  }

  #changed(pull: NodePull): void {
    this.#progress.show(pull.id - 1, pull)
    for (const index of this.#killPlan.step(this.#pulls, this.#init.upstream.bytesSent)) {
      this.#pulls[index]?.node.kill()
      this.#killed++
    }
  }

  #report(seconds: number): DemoReport {
    const { imageBytes, upstream } = this.#init
    const upstreamBytes = upstream.bytesSent
    const survivors = this.#pulls.filter(({ death }) => death === undefined)
    return {
      nodes: this.#pulls.map(({ report }) => report),
      killed: this.#killed,
      imageBytes,
      upstreamBytes,
      upstreamRequests: upstream.requests,
      copies: upstreamBytes / imageBytes,
      seconds,
      verified: survivors.length > 0 && survivors.every(({ report }) => report.verified),
    }
  }
}
