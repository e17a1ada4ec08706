/** What the plan knows of one node's pull. */
export interface PullState {
  readonly state: 'pulling' | 'ended' | 'lost'
}

export interface KillPlanInit {
  /** How many nodes to kill. */
  readonly count: number
  /** Of the image that all nodes pull. */
  readonly imageBytes: number
  /** @returns at least 0 and less than 1 */
  readonly random: () => number
}

/** Of the image: what has left the registry by now, the nodes hold together, most of it only once. */
const midway = 0.5

/** Decides which nodes are killed, and when: once, in the middle of the pulls, whichever chance picks. */
export class KillPlan {
  readonly #init: KillPlanInit
  #done = false

  constructor(init: KillPlanInit) {
    this.#init = init
  }

  /**
   * @param upstreamBytes - that have left the registry
   * @returns the indexes of the nodes to kill now, mostly none
   */
  step(nodes: readonly PullState[], upstreamBytes: number): readonly number[] {
    if (this.#done || this.#init.count === 0) return []
    if (upstreamBytes < this.#init.imageBytes * midway) return []
    this.#done = true
    const candidates = nodes.flatMap(({ state }, index) => (state === 'pulling' ? [index] : []))
    const victims: number[] = []
    while (victims.length < this.#init.count && candidates.length > 0) {
      const [victim] = candidates.splice(Math.floor(this.#init.random() * candidates.length), 1)
      if (victim !== undefined) victims.push(victim)
    }
    return victims
  }
}
