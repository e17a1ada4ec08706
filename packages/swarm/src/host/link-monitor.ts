import type { Connection } from '@libp2p/interface'
import type { HostLogger } from './host-logger.ts'
import { arrivalMs, judgeLink, type Link, type LinkLimits, probeIdleMs } from './link-health.ts'

export interface LinkMonitorComponents {
  readonly connections: () => Connection[]
  readonly logger: HostLogger
}

export interface LinkMonitorInit extends LinkLimits {
  /** How often links are judged, in milliseconds. */
  readonly intervalMs: number
}

/** The parts of libp2p's connections that their type leaves out. */
interface Inner {
  readonly muxer?: { readonly ping?: () => Promise<number> }
  readonly maConn?: { readonly socket?: Traffic }
}

/** What has gone over a connection since it was opened, as its socket counts it. */
interface Traffic {
  readonly bytesRead: number
  readonly bytesWritten: number
}

const noTraffic: Traffic = { bytesRead: 0, bytesWritten: 0 }

interface KnownLink extends Link {
  readonly traffic: Traffic
  /** By when the other end has all that was sent. */
  readonly arrivesAtMs: number
}

/**
 * Cuts the connections of peers that hang: they accept connections and answer nothing, and would hold up every
 * query that touches them. libp2p's own monitor opens a stream for each ping, and cuts links that are only busy.
 */
export class LinkMonitor {
  readonly #components: LinkMonitorComponents
  readonly #init: LinkMonitorInit
  readonly #links = new WeakMap<Connection, KnownLink>()
  #timer: NodeJS.Timeout | undefined
  #judgedAtMs = 0

  constructor(components: LinkMonitorComponents, init: LinkMonitorInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    this.#judgedAtMs = performance.now()
    this.#timer = setInterval(() => this.#judgeAll(), this.#init.intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #judgeAll(): void {
    const nowMs = performance.now()
    // While this process was held up it heard nobody: that time counts against none.
    const heldUpMs = Math.max(0, nowMs - this.#judgedAtMs - 2 * this.#init.intervalMs)
    this.#judgedAtMs = nowMs
    const connections = this.#components.connections()
    const limits = { ...this.#init, idleMs: probeIdleMs(this.#init.idleMs, connections.length) }
    for (const connection of connections) this.#judge(connection, { limits, nowMs, heldUpMs })
  }

  #judge(
    connection: Connection,
    { limits, nowMs, heldUpMs }: { limits: LinkLimits; nowMs: number; heldUpMs: number },
  ): void {
    const link = this.#lookAt(connection, nowMs, heldUpMs)
    this.#links.set(connection, link)
    const verdict = judgeLink(link, limits, nowMs)
    if (verdict === 'probe') {
      // The question waits behind what was sent before.
      this.#links.set(connection, { ...link, probedAtMs: link.arrivesAtMs })
      void this.#probe(connection)
    } else if (verdict === 'dead') {
      const peer = connection.remotePeer.toString()
      this.#components.logger.info({ peer }, 'peer does not answer: cutting its connection')
      connection.abort(new Error('the peer does not answer'))
    }
  }

  #lookAt(connection: Connection, nowMs: number, heldUpMs: number): KnownLink {
    const traffic = trafficOf(connection)
    const known = this.#links.get(connection)
    const before = known?.traffic ?? noTraffic
    const sentBytes = traffic.bytesWritten - before.bytesWritten
    const arrivesAtMs = arrivalMs(known?.arrivesAtMs ?? nowMs, sentBytes, nowMs)
    if (known === undefined || traffic.bytesRead > before.bytesRead)
      return { heardAtMs: nowMs, probedAtMs: undefined, arrivesAtMs, traffic }
    const probedAtMs = known.probedAtMs === undefined ? undefined : known.probedAtMs + heldUpMs
    return { ...known, probedAtMs, arrivesAtMs, traffic }
  }

  /**
   * By yamux's ping, which needs no stream. It has no deadline: an answer to a ping that was given up would be an error
   * to yamux, which ends the connection; and when the time is up, that is done here.
   */
  async #probe(connection: Connection): Promise<void> {
    const { muxer } = connection as Inner
    try {
      if (typeof muxer?.ping !== 'function') {
        throw new Error(
          "the connection's muxer has no ping(): check link-monitor.ts against libp2p's version",
        )
      }
      await muxer.ping()
    } catch (error) {
      // No sign of life then: when the time is up, the link is judged dead.
      this.#components.logger.debug({ peer: connection.remotePeer.toString(), error }, 'probe failed')
    }
  }
}

/**
 * A stream's events tell too little: yamux passes on a frame of 256 KiB when it is whole, and on a thin line that many
 * share this takes longer than a probe may.
 */
function trafficOf(connection: Connection): Traffic {
  const { bytesRead, bytesWritten } = (connection as Inner).maConn?.socket ?? noTraffic
  return { bytesRead, bytesWritten }
}
