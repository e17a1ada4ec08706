import { Socket } from 'node:net'
import {
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type MultiaddrConnection,
  serviceCapabilities,
  type Transport,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { SocketReads } from './socket-reads.ts'
import { TcpConnection } from './tcp-connection.ts'

/** Connections that wait to be accepted: in a rollout all nodes call at once. */
const backlog = 512

/**
 * `@libp2p/tcp`, but for how bytes come in: its sockets need new memory for every 64 KiB that they read; here all read into
 * the same ({@link SocketReads}), and {@link TcpConnection} hands the bytes on from there.
 */
export function tcpTransport(): (components: Parameters<ReturnType<typeof tcp>>[0]) => Transport {
  const library = tcp({ backlog })
  return (components) => new DirectTcp(library(components))
}

class DirectTcp implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'shoal/tcp'
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #library: Transport
  readonly #reads = new SocketReads()

  constructor(library: Transport) {
    this.#library = library
  }

  dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    return this.#library.dial(address, { ...options, upgrader: this.#directing(options.upgrader) })
  }

  createListener(options: CreateListenerOptions): Listener {
    return this.#library.createListener({ ...options, upgrader: this.#directing(options.upgrader) })
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.#library.listenFilter(addresses)
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.#library.dialFilter(addresses)
  }

  /** What the library has connected goes to libp2p by way of this. */
  #directing(upgrader: Upgrader): Upgrader {
    return {
      upgradeOutbound: (connection, options) => upgrader.upgradeOutbound(this.#direct(connection), options),
      upgradeInbound: (connection, options) => upgrader.upgradeInbound(this.#direct(connection), options),
      createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
      getStreamMuxers: () => upgrader.getStreamMuxers(),
      getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
    }
  }

  /** The connection as it is, if its socket can't be taken over: it is slower then. */
  #direct(slow: MultiaddrConnection): MultiaddrConnection {
    const { socket } = slow as { socket?: unknown }
    if (!(socket instanceof Socket)) return slow
    const direct = this.#reads.takeOver(socket, (bytes) => connection.onBytes(bytes))
    if (direct === undefined) return slow
    const { remoteAddr, direction, log } = slow
    const connection = new TcpConnection(direct, { remoteAddr, direction, log })
    return connection
  }
}
