import type { Socket } from 'node:net'
import { type AbortOptions, type Logger, type MessageStreamDirection, TimeoutError } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { pEvent } from 'p-event'
import type { Uint8ArrayList } from 'uint8arraylist'

/** yamux pings every 30 s, so only a link on which nothing moves at all is silent for so long. */
const inactivityTimeoutMs = 120_000

export interface TcpConnectionInit {
  readonly remoteAddr: Multiaddr
  readonly direction: MessageStreamDirection
  readonly log: Logger
}

/**
 * A TCP connection as libp2p wants it, whose reader can have the bytes where the socket put them.
 *
 * The socket's owner passes on what it reads with {@link onBytes}, in memory that it reads into again afterwards.
 */
export class TcpConnection extends AbstractMultiaddrConnection {
  /** What it says of its traffic is asked for by the link monitor. */
  readonly socket: Socket
  #reader: ((bytes: Uint8Array) => void) | undefined

  constructor(socket: Socket, init: TcpConnectionInit) {
    super({ ...init, inactivityTimeout: inactivityTimeoutMs })
    this.socket = socket
    socket.on('error', (error) => this.abort(error))
    socket.setTimeout(inactivityTimeoutMs, () =>
      this.abort(new TimeoutError('nothing moves on the connection')),
    )
    // Sockets are not half open: when the remote has said that it sends no more, 'close' follows.
    socket.once('end', () => this.onTransportClosed())
    socket.once('close', (hadError) => {
      if (hadError) this.abort(new Error('the TCP connection broke'))
      else this.onTransportClosed()
    })
    socket.on('drain', () => this.safeDispatchEvent('drain'))
  }

  /** Bytes came in; they may be overwritten when this returns. */
  onBytes(bytes: Uint8Array): void {
    if (this.#reader === undefined) this.onData(new Uint8Array(bytes))
    else this.#reader(bytes)
  }

  /**
   * From now on `reader` gets the bytes instead of the 'message' event, without a copy: they are its own only until it
   * returns. What has arrived and was not read comes first.
   */
  readDirectly(reader: (bytes: Uint8Array) => void): void {
    const arrived = this.readBuffer.subarray()
    this.readBuffer.consume(arrived.byteLength)
    this.#reader = reader
    if (arrived.byteLength > 0) reader(arrived)
  }

  /** Whether all that was sent is with the operating system: nobody here reads from that memory any longer. */
  get isFlushed(): boolean {
    return this.writeBufferLength === 0 && this.socket.writableLength === 0
  }

  sendData(data: Uint8ArrayList): SendResult {
    let sentBytes = 0
    let canSendMore = true
    for (const piece of data) {
      sentBytes += piece.byteLength
      canSendMore = this.socket.write(piece)
      if (!canSendMore) break
    }
    return { sentBytes, canSendMore }
  }

  async sendClose(options?: AbortOptions): Promise<void> {
    if (this.socket.destroyed) return
    this.socket.destroySoon()
    await pEvent(this.socket, 'close', options)
  }

  sendReset(): void {
    // A socket that is being shut down can't be reset as well.
    if (this.socket.writableEnded) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  sendPause(): void {
    this.socket.pause()
  }

  sendResume(): void {
    this.socket.resume()
  }
}
