import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Content, MemoryRegistry } from '../harness/memory-registry.ts'

/**
 * Holds back the blobs of a registry until it is opened: agents get half of what they ask for, so that they have begun,
 * and clients that come directly get nothing yet.
 */
export class Valve {
  readonly #registry: MemoryRegistry
  readonly #opened = Promise.withResolvers<void>()

  private constructor(registry: MemoryRegistry) {
    this.#registry = registry
  }

  static close(registry: MemoryRegistry): Valve {
    const valve = new Valve(registry)
    registry.intercept = (request, response, content) => valve.#hold(request, response, content)
    return valve
  }

  open(): void {
    this.#registry.intercept = () => false
    this.#opened.resolve()
  }

  #hold(request: IncomingMessage, response: ServerResponse, content: Content | undefined): boolean {
    if (content === undefined || request.method === 'HEAD' || !request.url?.includes('/blobs/')) return false
    // A configuration comes before all layers.
    if (content.bytes.length < smallestHeld) return false
    if (request.headers['user-agent']?.startsWith('shoal/')) this.#giveHalf(request, response, content)
    else void this.#opened.promise.then(() => this.#registry.deliver(request, response, content))
    return true
  }

  #giveHalf(request: IncomingMessage, response: ServerResponse, content: Content): void {
    const { start, end } = this.#registry.writeHead(request, response, content)
    const middle = start + Math.floor((end - start) / 2)
    response.write(content.bytes.subarray(start, middle))
    void this.#opened.promise.then(() => response.end(content.bytes.subarray(middle, end)))
  }
}

const smallestHeld = 64 * 1024
