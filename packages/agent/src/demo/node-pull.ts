import { setTimeout as delay } from 'node:timers/promises'
import type { AbortOptions } from '@shoal/content'
import { readableFault } from '../readable-fault.ts'
import type { AgentDeath, AgentProcess } from './agent-process.ts'
import { type PullInit, pullImage } from './image-puller.ts'
import type { PullState } from './kill-plan.ts'
import type { NodeReport } from './report.ts'

export interface NodePullInit extends Omit<PullInit, 'registry' | 'onBytes'> {
  /** From 1. */
  readonly id: number
  readonly node: AgentProcess
  /** Told whenever bytes arrived, the pull ended, or the node died. */
  readonly onChange: (pull: NodePull) => void
}

/** A process that was killed refuses connections a moment before its exit is reported. */
const exitReportMs = 1_000

const noFigures = { fromUpstream: null, fromPeers: null, fromCache: null }

/** One node's part of the demonstration: a client that pulls the image from it, and what became of both. */
export class NodePull implements PullState {
  readonly id: number
  readonly node: AgentProcess
  received = 0
  /** From the start of the pull to its end. */
  seconds = 0
  /** Why the pull failed. */
  problem: string | undefined
  death: AgentDeath | undefined
  readonly #init: NodePullInit
  readonly #died = new AbortController()
  #figures: Pick<NodeReport, 'fromUpstream' | 'fromPeers' | 'fromCache'> = noFigures
  #ended = false

  constructor(init: NodePullInit) {
    this.id = init.id
    this.node = init.node
    this.#init = init
    init.node.onDeath((death) => {
      this.death = death
      // A node that died must not leave its client waiting.
      this.#died.abort()
      init.onChange(this)
    })
  }

  get state(): PullState['state'] {
    if (this.death !== undefined) return 'lost'
    return this.#ended ? 'ended' : 'pulling'
  }

  get report(): NodeReport {
    const { id, seconds, death } = this
    const verified = this.#ended && this.problem === undefined
    return { id, pid: this.node.pid, seconds, ...this.#figures, verified, lost: death?.how ?? null }
  }

  /** @throws only when aborted; a pull that fails and a node that dies are outcomes */
  async run({ signal }: AbortOptions): Promise<void> {
    const started = performance.now()
    const problem = await this.#pull(signal)
    this.seconds = (performance.now() - started) / 1000
    await this.#readFigures(signal)
    if (this.death !== undefined) return
    this.problem = problem
    this.#ended = true
    this.#init.onChange(this)
  }

  async #pull(signal: AbortSignal | undefined): Promise<string | undefined> {
    const ends = signal ? AbortSignal.any([signal, this.#died.signal]) : this.#died.signal
    const { registry } = this.node.addresses
    const onBytes = (bytes: number) => {
      this.received += bytes
      this.#init.onChange(this)
    }
    try {
      await pullImage({ ...this.#init, registry, onBytes }, { signal: ends })
      return undefined
    } catch (error) {
      signal?.throwIfAborted()
      return readableFault(error)
    }
  }

  /** What the node says of itself. If it died, that is known when this returns. */
  async #readFigures(signal: AbortSignal | undefined): Promise<void> {
    if (this.death !== undefined) return
    try {
      const { fromUpstream, fromPeers, fromCache } = (await this.node.status({ signal })).transfers
      this.#figures = { fromUpstream, fromPeers, fromCache }
    } catch {
      signal?.throwIfAborted()
      // It may just be dying: the wait ends early, by an abort, when its death is known. That is no failure of the wait.
      await delay(exitReportMs, undefined, { signal: this.#died.signal }).catch(() => undefined)
    }
  }
}
