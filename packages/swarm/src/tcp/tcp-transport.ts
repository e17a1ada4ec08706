import { connect } from 'node:net'
import {
  type ComponentLogger,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type Logger,
  serviceCapabilities,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import { getNetConfig } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { SocketReads } from './socket-reads.ts'
import { TcpConnection } from './tcp-connection.ts'
import { TcpListener } from './tcp-listener.ts'

const hosts = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

interface TcpComponents {
  readonly logger: ComponentLogger
}

/**
 * TCP for libp2p, in place of `@libp2p/tcp`, whose sockets need new memory for every 64 KiB that they read: here all
 * read into the same ({@link SocketReads}), and {@link TcpConnection} hands the bytes on from there.
 */
export function tcpTransport(): (components: TcpComponents) => Transport {
  return (components) => new TcpTransport(components)
}

class TcpTransport implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'shoal/tcp'
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #logger: ComponentLogger
  readonly #log: Logger
  readonly #reads = new SocketReads()

  constructor({ logger }: TcpComponents) {
    this.#logger = logger
    this.#log = logger.forComponent('shoal:tcp')
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const connection = await this.#connect(address, options.signal)
    try {
      return await options.upgrader.upgradeOutbound(connection, options)
    } catch (error) {
      this.#log.error('outbound connection failed - %e', error)
      connection.abort(error as Error)
      throw error
    }
  }

  createListener({ upgrader }: CreateListenerOptions): Listener {
    return new TcpListener({ logger: this.#logger, upgrader, reads: this.#reads })
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isTcp)
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isTcp)
  }

  async #connect(address: Multiaddr, signal: AbortSignal): Promise<TcpConnection> {
    signal.throwIfAborted()
    const { host, port = 0 } = getNetConfig(address)
    const { promise, resolve, reject } = Promise.withResolvers<TcpConnection>()
    let connection: TcpConnection | undefined
    const onread = this.#reads.into((bytes) => connection?.onBytes(bytes))
    const socket = connect({ host, port, onread, noDelay: true, keepAlive: true, allowHalfOpen: false })
    const onAbort = (): void => {
      socket.destroy()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    socket.once('error', reject)
    // Made within the event: nothing has been read before.
    socket.once('connect', () => {
      const log = this.#logger.forComponent('shoal:tcp:connection')
      connection = new TcpConnection(socket, { remoteAddr: address, direction: 'outbound', log })
      resolve(connection)
    })
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      socket.removeListener('error', reject)
    }
  }
}

function isTcp(address: Multiaddr): boolean {
  const [host, transport, ...rest] = address.getComponents().filter(({ name }) => name !== 'ip6zone')
  if (host === undefined || !hosts.has(host.name) || transport?.name !== 'tcp') return false
  return rest.length === 0 || (rest.length === 1 && rest[0]?.name === 'p2p')
}
