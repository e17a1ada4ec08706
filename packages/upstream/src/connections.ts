import { ADDRCONFIG } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { OriginError } from '@shoal/content'
import { Agent, type Dispatcher } from 'undici'
import { guardedConnector, socketLookup } from './address-guard.ts'
import type { HostLookup, OriginInit, Timeouts } from './origin-init.ts'
import type { Upstream } from './upstream-table.ts'

/** Node's own default. Signed redirects and token challenges of real registries stay under 8 KiB. */
const maxHeaderBytes = 16 * 1024
/** Under the idle limit of common servers (60 s and up); those with a shorter one say so, and are heard. */
const idleTimeoutMs = 15_000
/** Enough for a swarm's worth of leased chunks from one registry, and few for a registry to hold. */
const defaultMaxConnections = 32

/** What a connection is for. */
type Purpose = 'pull' | 'push'

/**
 * Pools of kept-alive connections: one set for each named upstream, with its certificates and without a rule
 * on addresses, and one for everybody else, which dials public addresses only. Pushes have a connection for each request:
 * a body comes once, and would be lost on one that the registry gives up at that moment.
 */
export class Connections {
  readonly #timeouts: Timeouts
  readonly #maxConnections: number
  readonly #lookup: HostLookup
  readonly #guarded: Readonly<Record<Purpose, Agent>>
  readonly #named: Readonly<Record<Purpose, Map<Upstream, Agent>>> = { pull: new Map(), push: new Map() }
  #stopping: Promise<unknown> | undefined

  constructor(init: OriginInit, timeouts: Timeouts) {
    this.#timeouts = timeouts
    this.#maxConnections = init.maxConnections ?? defaultMaxConnections
    this.#lookup = init.lookup ?? lookupAll
    const connect = guardedConnector(this.#connectOptions(), this.#lookup)
    this.#guarded = { pull: this.#agent(connect, 'pull'), push: this.#agent(connect, 'push') }
  }

  /**
   * What dials on behalf of a named upstream, or, without one, for hosts that nobody named.
   *
   * @throws OriginError `unavailable` once stopped
   */
  dispatcherFor(upstream: Upstream | undefined, purpose: Purpose = 'pull'): Dispatcher {
    if (this.#stopping !== undefined) {
      throw new OriginError('unavailable', 'the client of origin registries has stopped')
    }
    if (upstream === undefined || !upstream.named) return this.#guarded[purpose]
    let agent = this.#named[purpose].get(upstream)
    if (agent === undefined) {
      const connect = {
        ...this.#connectOptions(),
        ...(upstream.ca === undefined ? {} : { ca: [...upstream.ca] }),
        ...upstream.clientCertificate,
        lookup: socketLookup(this.#lookup),
      }
      agent = this.#agent(connect, purpose, upstream.maxConnections)
      this.#named[purpose].set(upstream, agent)
    }
    return agent
  }

  /** Ends every request, and resolves when the connections are gone. */
  async stop(): Promise<void> {
    const named = Object.values(this.#named).flatMap((agents) => [...agents.values()])
    this.#stopping ??= Promise.all(
      [...Object.values(this.#guarded), ...named].map((agent) => agent.destroy()),
    )
    await this.#stopping
  }

  #connectOptions(): { timeout: number; allowH2: false } {
    // One request, one connection: a slow reader of one blob holds up no other.
    return { timeout: this.#timeouts.connectMs, allowH2: false }
  }

  #agent(
    connect: NonNullable<Agent.Options['connect']>,
    purpose: Purpose,
    connections = this.#maxConnections,
  ): Agent {
    return new Agent({
      ...(purpose === 'push' && { maxRequestsPerClient: 1 }),
      connect,
      allowH2: false,
      connections,
      pipelining: 1,
      keepAliveTimeout: idleTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
      // The limit of `exchange` counts from the question; this one would start anew at every 1xx.
      headersTimeout: 0,
      bodyTimeout: this.#timeouts.stallMs,
    })
  }
}

async function lookupAll(hostname: string): ReturnType<HostLookup> {
  return systemLookup(hostname, { all: true, hints: ADDRCONFIG })
}
