/** What the plan knows of one node's pull. */
export interface PullState {
  /** Of the image, in bytes. */
  readonly received: number
  readonly state: 'pulling' | 'ended' | 'lost'
}

export interface KillPlanInit {
  /** How many nodes to kill. */
  readonly count: number
  /** Of the image that every node pulls. */
  readonly imageBytes: number
  /** @returns at least 0 and less than 1 */
  readonly random: () => number
}

/** Of all the bytes that the living nodes want: late enough that every node holds some, early enough that all miss some. */
const midway = 0.5

/** Decides which nodes are killed, and when: once, in the middle of the pulls, whichever chance picks. */
export class KillPlan {
  readonly #init: KillPlanInit
  #done = false

  constructor(init: KillPlanInit) {
    this.#init = init
  }

  /** Told of every node's state; the indexes of those to kill now, mostly none. */
  step(nodes: readonly PullState[]): readonly number[] {
    if (this.#done || this.#init.count === 0) return []
    const alive = nodes.filter(({ state }) => state !== 'lost')
    const received = alive.reduce((sum, node) => sum + node.received, 0)
    if (received < alive.length * this.#init.imageBytes * midway) return []
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
