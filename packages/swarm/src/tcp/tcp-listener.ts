import { once } from 'node:events'
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import {
  type AbortOptions,
  type ComponentLogger,
  type Listener,
  type ListenerEvents,
  type Logger,
  TypedEventEmitter,
  type Upgrader,
} from '@libp2p/interface'
import { getNetConfig, getThinWaistAddresses, ipPortToMultiaddr } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { SocketReads } from './socket-reads.ts'
import { TcpConnection } from './tcp-connection.ts'

/** Connections that wait to be accepted: in a rollout all nodes call at once. */
const backlog = 512

export interface TcpListenerInit {
  readonly logger: ComponentLogger
  readonly upgrader: Upgrader
  readonly reads: SocketReads
}

/** Accepts connections on one address. */
export class TcpListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #init: TcpListenerInit
  readonly #log: Logger
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #stopping = new AbortController()
  #address: Multiaddr | undefined

  constructor(init: TcpListenerInit) {
    super()
    this.#init = init
    this.#log = init.logger.forComponent('shoal:tcp:listener')
    const options = { pauseOnConnect: true, noDelay: true, keepAlive: true, allowHalfOpen: false }
    this.#server = createServer(options, (socket) => this.#accept(socket))
    this.#server.on('error', (error) => this.safeDispatchEvent('error', { detail: error }))
    this.#server.on('close', () => this.safeDispatchEvent('close'))
  }

  /** @throws Error of node:net when the address is taken or not ours */
  async listen(address: Multiaddr): Promise<void> {
    this.#address = address
    const { host, port, type } = getNetConfig(address)
    const options: ListenOptions = { host, backlog, ipv6Only: type === 'ip6' }
    if (port !== undefined) options.port = port
    this.#server.listen(options)
    await once(this.#server, 'listening')
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') return []
    return getThinWaistAddresses(this.#address, bound.port)
  }

  updateAnnounceAddrs(): void {
    // Where others reach us is the address manager's concern.
  }

  async close(options?: AbortOptions): Promise<void> {
    this.#stopping.abort()
    const closed = this.#server.listening ? once(this.#server, 'close', options) : undefined
    this.#server.close()
    const sockets = [...this.#sockets].map(async (socket) => {
      if (socket.closed) return
      const gone = once(socket, 'close', options)
      socket.destroy()
      await gone
    })
    await Promise.all([closed, ...sockets])
  }

  #accept(accepted: Socket): void {
    const { logger, upgrader, reads } = this.#init
    const { remoteAddress, remotePort } = accepted
    if (remoteAddress === undefined || remotePort === undefined) {
      // It has gone already.
      accepted.destroy()
      return
    }
    const socket = reads.adopt(accepted, (bytes) => connection.onBytes(bytes))
    const connection = new TcpConnection(socket, {
      remoteAddr: ipPortToMultiaddr(remoteAddress, remotePort),
      direction: 'inbound',
      log: logger.forComponent('shoal:tcp:connection'),
    })
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    upgrader.upgradeInbound(connection, { signal: this.#stopping.signal }).catch((error: Error) => {
      this.#log.error('inbound connection failed - %e', error)
      connection.abort(error)
    })
  }
}
