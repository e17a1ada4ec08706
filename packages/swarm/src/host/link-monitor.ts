import type { Connection, Stream } from '@libp2p/interface'
import type { HostLogger } from './host-logger.ts'
import { judgeLink, type Link, type LinkLimits } from './link-health.ts'
import { MessageStream } from './message-stream.ts'

/** Carries empty messages, each of which is sent back. */
export const aliveProtocol = '/shoal/alive/1.0.0'

const sign = new Uint8Array(0)

export interface LinkMonitorComponents {
  readonly connections: () => Connection[]
  readonly logger: HostLogger
}

export interface LinkMonitorInit extends LinkLimits {
  /** How often links are judged, in milliseconds. */
  readonly intervalMs: number
}

/**
 * Cuts the connections of peers that hang: they accept connections and answer nothing, and would hold up every
 * query that touches them. libp2p's own monitor opens a stream for each ping, and cuts links that are only busy.
 */
export class LinkMonitor {
  readonly #components: LinkMonitorComponents
  readonly #init: LinkMonitorInit
  readonly #links = new WeakMap<Connection, Link>()
  readonly #probes = new WeakMap<Connection, MessageStream>()
  readonly #stopping = new AbortController()
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
    this.#stopping.abort()
  }

  /** To be called when something moves on a connection. */
  heard(connection: Connection): void {
    this.#links.set(connection, { heardAtMs: performance.now(), probedAtMs: undefined })
  }

  /** Answers the other end's probes. */
  async answer(stream: Stream, connection: Connection): Promise<void> {
    const messages = this.#wrap(stream, connection)
    try {
      while ((await messages.read({ signal: this.#stopping.signal })) !== undefined) await messages.send(sign)
      await messages.close()
    } catch (error) {
      messages.abort(error as Error)
    }
  }

  #judgeAll(): void {
    const nowMs = performance.now()
    // While this process was held up it heard nobody: that time counts against none.
    const heldUpMs = Math.max(0, nowMs - this.#judgedAtMs - 2 * this.#init.intervalMs)
    this.#judgedAtMs = nowMs
    for (const connection of this.#components.connections()) this.#judge(connection, nowMs, heldUpMs)
  }

  #judge(connection: Connection, nowMs: number, heldUpMs: number): void {
    const known = this.#links.get(connection) ?? { heardAtMs: nowMs, probedAtMs: undefined }
    const link =
      known.probedAtMs === undefined ? known : { ...known, probedAtMs: known.probedAtMs + heldUpMs }
    this.#links.set(connection, link)
    const verdict = judgeLink(link, this.#init, nowMs)
    if (verdict === 'probe') {
      this.#links.set(connection, { ...link, probedAtMs: nowMs })
      void this.#probe(connection)
    } else if (verdict === 'dead') {
      const peer = connection.remotePeer.toString()
      this.#components.logger.info({ peer }, 'peer does not answer: cutting its connection')
      connection.abort(new Error('the peer does not answer'))
    }
  }

  async #probe(connection: Connection): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(this.#init.timeoutMs)])
    try {
      const stream = this.#probes.get(connection) ?? (await this.#openProbe(connection, signal))
      await stream.send(sign, { signal })
    } catch (error) {
      // No sign of life then: when the time is up, the link is judged dead.
      this.#probes.delete(connection)
      this.#components.logger.debug({ peer: connection.remotePeer.toString(), error }, 'probe failed')
    }
  }

  /** One stream for all probes of a connection: a new one for each would cost more than the probe. */
  async #openProbe(connection: Connection, signal: AbortSignal): Promise<MessageStream> {
    const stream = this.#wrap(await connection.newStream(aliveProtocol, { signal }), connection)
    this.#probes.set(connection, stream)
    void this.#readAnswers(stream, connection)
    return stream
  }

  async #readAnswers(stream: MessageStream, connection: Connection): Promise<void> {
    try {
      while ((await stream.read({ signal: this.#stopping.signal })) !== undefined);
      await stream.close()
    } catch (error) {
      stream.abort(error as Error)
    }
    this.#probes.delete(connection)
  }

  #wrap(stream: Stream, connection: Connection): MessageStream {
    return new MessageStream(stream, {
      peer: connection.remotePeer.toString(),
      maxMessageBytes: 0,
      onActivity: () => this.heard(connection),
    })
  }
}
