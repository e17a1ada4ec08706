import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ShoalError } from '@shoal/content'
import { answerClientError } from './client-error.ts'
import type { ReportDegraded } from './events.ts'
import { Exchange, StoppingError } from './exchange.ts'
import {
  explainListenError,
  type InheritedSocket,
  type ListenAddress,
  notListening,
  parseListenAddress,
} from './listen-address.ts'
import { discardBody, watchBody } from './request-body.ts'

/** Go's HTTP clients keep idle connections for 90 s; hanging up between two requests would cost a retry. */
const keepAliveMs = 100_000
/** A request has no body, so this is ample, and a client that trickles one is gone. */
const requestMs = 30_000
const headersMs = 10_000
const connectionCheckMs = 2_000
/** Room for the tokens of cloud registries (up to 12 KiB), and little for anything else. */
const maxHeaderBytes = 32 * 1024
/**
 * Also the most that one connection can have waiting. With the last answer the client is told to reconnect.
 */
const maxRequestsPerConnection = 1_000
/** Bytes that wait in a connection's buffer before its source is paused; one piece of a body more. */
const highWaterMarkBytes = 64 * 1024
/** For the last bytes of broken bodies, when the time to finish is over. */
const closeGraceMs = 500

/** How often a server that stops looks whether it is quiet: no client waits for this. */
const quietCheckMs = 20

export interface DrainTimes {
  /** How long clients may go on at the most. */
  readonly timeoutMs: number
  /** After how long without a request nobody is taken to be in the middle of a pull. */
  readonly quietMs: number
}

export interface ShimServerInit {
  /** Answers one request. */
  readonly handle: (exchange: Exchange) => Promise<void>
  readonly report: ReportDegraded
  /** Whether requests may have bodies that {@link handle} reads, however long they take. */
  readonly takesBodies?: boolean
  /** How long such a body may stand still. */
  readonly bodyIdleMs: number
}

/** The HTTP server with its limits and its life cycle; knows nothing of registries. */
export class ShimServer {
  readonly #init: ShimServerInit
  readonly #server: Server
  readonly #connections = new Set<Socket>()
  readonly #exchanges = new Set<Exchange>()
  #leaving = false
  #draining = false
  /** When the last answer was complete, by the monotonic clock. */
  #lastDoneAt = Number.NEGATIVE_INFINITY

  constructor(init: ShimServerInit) {
    this.#init = init
    const limits = {
      keepAliveTimeout: keepAliveMs,
      requestTimeout: init.takesBodies === true ? 0 : requestMs,
      headersTimeout: headersMs,
      connectionsCheckingInterval: connectionCheckMs,
      maxHeaderSize: maxHeaderBytes,
      highWaterMark: highWaterMarkBytes,
    }
    this.#server = createServer(limits, this.#accept)
    this.#server.maxRequestsPerSocket = maxRequestsPerConnection
    this.#server.on('checkContinue', this.#accept)
    this.#server.on('clientError', this.#refuse)
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket)
      socket.once('close', () => this.#connections.delete(socket))
    })
  }

  /** @throws ShoalError `NOT_STARTED` */
  get address(): ListenAddress {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') {
      throw new ShoalError('NOT_STARTED', 'the registry has no address: it is not started')
    }
    return { host: address.address, port: address.port }
  }

  /**
   * @throws ListenError when it can't listen there
   * @throws InvalidInputError `LISTEN_INVALID`
   */
  async listen(place: string | InheritedSocket): Promise<void> {
    const options = typeof place === 'string' ? { ...parseListenAddress(place) } : { fd: place.fd }
    const listening = once(this.#server, 'listening')
    this.#server.listen(options)
    try {
      await listening
    } catch (error) {
      throw explainListenError(place, error)
    }
    // Node.js knows no name of a Unix socket that it did not bind itself.
    if (typeof place !== 'string' && this.#server.address() === null) {
      this.#server.close()
      throw notListening(place, 'a Unix socket')
    }
    this.#server.on('error', (error) => this.#init.report('accept connection', error))
  }

  /** Whether {@link drain} has begun: requests are still handed over, and what they begin will not be finished. */
  get isLeaving(): boolean {
    return this.#leaving
  }

  /** Goes on until nobody has asked for a while or time is up, then ends every connection. */
  async drain({ timeoutMs, quietMs }: DrainTimes): Promise<void> {
    this.#leaving = true
    if (!this.#server.listening) {
      this.#draining = true
      return
    }
    await this.#quiet({ timeoutMs, quietMs })
    this.#draining = true
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const exchange of this.#exchanges) exchange.abort(new StoppingError())
    const timer = setTimeout(() => this.#destroyConnections(), closeGraceMs)
    await closed
    clearTimeout(timer)
  }

  readonly #accept = (request: IncomingMessage, response: ServerResponse): void => {
    // A pipelined request gets its socket once the answer before it is out. Until then it has to wait, or its
    // answer would pile up in memory.
    if (response.socket !== null) this.#run(request, response)
    else response.once('socket', () => process.nextTick(() => this.#run(request, response)))
  }

  /** Never writes into an answer that is under way: to the client those bytes would be content. */
  readonly #refuse = (error: NodeJS.ErrnoException, socket: Duplex): void => {
    const current = [...this.#exchanges].find((exchange) => exchange.request.socket === socket)
    if (current === undefined) answerClientError(error, socket)
    else current.hangUp(error)
  }

  #run(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(request, response)
    const { method = '' } = request
    if (this.#init.takesBodies === true) watchBody(exchange, this.#init.bodyIdleMs)
    if (this.#init.takesBodies !== true || method === 'GET' || method === 'HEAD') discardBody(exchange)
    else if (request.headers.expect !== undefined) response.writeContinue()
    if (this.#draining) {
      response.shouldKeepAlive = false
      exchange.abort(new StoppingError())
    }
    this.#exchanges.add(exchange)
    this.#init.handle(exchange).then(
      () => this.#done(exchange),
      (error) => {
        this.#done(exchange)
        this.#init.report('serve request', error)
        exchange.hangUp(error)
      },
    )
  }

  #done(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
    if (!exchange.isTurnedAway) this.#lastDoneAt = performance.now()
    if (this.#draining) this.#server.closeIdleConnections()
  }

  /** A client that pulls asks for the next blob within moments of the one before, often on a new connection. */
  async #quiet({ timeoutMs, quietMs }: DrainTimes): Promise<void> {
    const endsAt = performance.now() + timeoutMs
    for (;;) {
      const now = performance.now()
      const isQuiet = this.#exchanges.size === 0 && now - this.#lastDoneAt >= quietMs
      if (isQuiet || now >= endsAt) return
      await sleep(Math.min(quietCheckMs, endsAt - now))
    }
  }

  #destroyConnections(): void {
    for (const socket of this.#connections) socket.destroy()
  }
}
