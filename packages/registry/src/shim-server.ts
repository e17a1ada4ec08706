import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ShoalError } from '@shoal/content'
import { answerClientError } from './client-error.ts'
import type { ReportDegraded } from './events.ts'
import { Exchange, StoppingError } from './exchange.ts'
import { explainListenError, type ListenAddress, parseListenAddress } from './listen-address.ts'
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
  #draining = false
  #onIdle: (() => void) | undefined

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
  async listen(text: string): Promise<void> {
    const { host, port } = parseListenAddress(text)
    const listening = once(this.#server, 'listening')
    this.#server.listen({ host, port })
    try {
      await listening
    } catch (error) {
      throw explainListenError(text, error)
    }
    this.#server.on('error', (error) => this.#init.report('accept connection', error))
  }

  /** Takes no more requests, gives those under way the time to finish, then ends every connection. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await this.#idle(timeoutMs)
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
    if (!this.#draining) return
    this.#server.closeIdleConnections()
    if (this.#exchanges.size === 0) this.#onIdle?.()
  }

  #idle(timeoutMs: number): Promise<void> {
    if (this.#exchanges.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#onIdle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #destroyConnections(): void {
    for (const socket of this.#connections) socket.destroy()
  }
}
