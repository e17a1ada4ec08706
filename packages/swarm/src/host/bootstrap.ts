import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { abortable } from './abortable.ts'
import { type BootstrapSchedule, bootstrapDelay } from './bootstrap-schedule.ts'
import type { BootstrapSource } from './bootstrap-source.ts'
import type { HostLogger } from './host-logger.ts'
import { peerIn } from './peer-addresses.ts'

/** A headless Service names every pod; a few that answer lead to all. */
const maxAddressesPerSource = 4

export interface BootstrapComponents {
  readonly self: string
  readonly dial: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>
  readonly connectedPeers: () => string[]
  readonly logger: HostLogger
  readonly random: () => number
}

export interface BootstrapInit {
  readonly sources: readonly BootstrapSource[]
  readonly schedule: BootstrapSchedule
  /** Longest wait for one address, in milliseconds. */
  readonly dialTimeoutMs: number
}

/** Finds the first peers, and finds them again when all are lost. Never gives up. */
export class Bootstrap {
  readonly #components: BootstrapComponents
  readonly #init: BootstrapInit
  readonly #stopping = new AbortController()
  /** Who answered at an address: ourselves, or a peer. */
  readonly #owners = new Map<string, string>()
  readonly #unreachable = new Set<string>()
  #wake = new AbortController()
  #failures = 0
  #running: Promise<void> | undefined
  readonly #firstRound = Promise.withResolvers<void>()

  constructor(components: BootstrapComponents, init: BootstrapInit) {
    this.#components = components
    this.#init = init
  }

  /** Resolves when each source has been tried once. */
  get firstRound(): Promise<void> {
    return this.#firstRound.promise
  }

  start(): void {
    if (this.#init.sources.length > 0) this.#running ??= this.#run()
    else this.#firstRound.resolve()
  }

  /** To be called when a peer has gone, or an address has come up: if nobody is connected, it is not waited for. */
  hurry(): void {
    if (this.#components.connectedPeers().length > 0) return
    this.#failures = 0
    this.#wake.abort()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const stopping = this.#stopping.signal
    while (!stopping.aborted) {
      await Promise.all(this.#init.sources.map((source) => this.#try(source)))
      this.#firstRound.resolve()
      const isConnected = this.#components.connectedPeers().length > 0
      this.#failures = isConnected ? 0 : this.#failures + 1
      const state = { isConnected, failures: this.#failures }
      await this.#wait(bootstrapDelay(state, this.#init.schedule, this.#components.random))
    }
  }

  async #wait(delayMs: number): Promise<void> {
    this.#wake = new AbortController()
    const signal = AbortSignal.any([this.#stopping.signal, this.#wake.signal])
    try {
      await sleep(delayMs, undefined, { signal, ref: false })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #try(source: BootstrapSource): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(this.#init.dialTimeoutMs)])
    try {
      const found = await abortable(source.find(signal), signal)
      const targets = someOf(found, maxAddressesPerSource, this.#components.random)
      const results = await Promise.allSettled(targets.map((target) => this.#dial(target, signal)))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined && results.every(({ status }) => status === 'rejected')) throw failed.reason
      this.#report(source)
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#report(source, error)
    }
  }

  async #dial(target: Multiaddr, signal: AbortSignal): Promise<void> {
    const { self, connectedPeers } = this.#components
    const owner = peerIn(target) ?? this.#owners.get(target.toString())
    if (owner === self || (owner !== undefined && connectedPeers().includes(owner))) return
    try {
      const { remotePeer } = await this.#components.dial(target, signal)
      this.#owners.set(target.toString(), remotePeer.toString())
    } catch (error) {
      // Among the addresses that all nodes are given is a node's own.
      if ((error as Error).name !== 'InvalidPeerIdError') throw error
      this.#owners.set(target.toString(), self)
    }
  }

  /** One line when nobody can be reached there any more, one when somebody can. */
  #report({ text }: BootstrapSource, error?: unknown): void {
    const { logger } = this.#components
    if (error === undefined) {
      if (this.#unreachable.delete(text))
        logger.info({ address: text }, 'bootstrap address is reachable again')
      return
    }
    if (this.#unreachable.has(text)) return
    this.#unreachable.add(text)
    logger.warn({ address: text, reason: reasonOf(error) }, 'bootstrap address is unreachable: trying again')
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError' || /abort|timeout/i.test(error.message)) return 'no answer in time'
  if (error.name === 'EncryptionFailedError') {
    return `the handshake failed (${error.message}): has it the same cluster secret?`
  }
  return error.message
}

function someOf<T>(items: readonly T[], count: number, random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ item }) => item)
}
