import type { IncomingMessage, ServerResponse } from 'node:http'
import { ShoalError } from '@shoal/content'
import type { Outcome } from './events.ts'
import { endWithFin } from './linger.ts'

/** What was sent in answer to a request. */
export interface Delivery {
  readonly status: number
  /** Bytes of body handed to the client's socket. */
  readonly bytes: number
  /** The longest time without a byte, in seconds; undefined when it was all of the time. */
  readonly longestWait?: number
  readonly outcome: Outcome
  readonly reason?: string
}

/** The client hung up before its answer was complete, or sent what no answer can follow. */
export class ClientClosedError extends ShoalError {
  constructor(options?: ErrorOptions) {
    super('CLIENT_CLOSED', 'the client closed the connection before the answer was complete', options)
  }
}

/** The registry is shutting down and the time to finish is over. */
export class StoppingError extends ShoalError {
  constructor() {
    super('STOPPING', 'this agent is shutting down')
  }
}

/** One request and its response, with a signal that ends all work for it. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the client was told to begin elsewhere: nothing is to be expected of it. */
  isTurnedAway = false
  readonly #controller = new AbortController()

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.response = response
    response.once('close', () => {
      if (!response.writableFinished) this.abort(new ClientClosedError())
    })
    response.on('error', (cause) => this.abort(new ClientClosedError({ cause })))
  }

  /** Aborts when the client leaves or the registry stops. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isHead(): boolean {
    return this.request.method === 'HEAD'
  }

  get clientGone(): boolean {
    return this.signal.reason instanceof ClientClosedError || this.response.destroyed
  }

  abort(reason: ShoalError): void {
    this.#controller.abort(reason)
  }

  /** Gives up on a client that does not keep to HTTP: no byte follows what was sent so far. */
  hangUp(cause: unknown): void {
    this.abort(new ClientClosedError({ cause }))
    endWithFin(this.request.socket)
  }
}
