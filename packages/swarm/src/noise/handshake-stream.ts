import type { MessageStream, StreamMessageEvent } from '@libp2p/interface'
import type { SendResult } from '@libp2p/utils'
import { Uint8ArrayList } from 'uint8arraylist'
import { LayeredStream } from './layered-stream.ts'
import { lengthBytes } from './noise-frame.ts'

/**
 * A connection as far as the handshake goes: passes on as many messages as the handshake's pattern has, and leaves
 * every byte after them on the connection, where they wait for who reads it next.
 */
export class HandshakeStream extends LayeredStream {
  readonly #arrived = new Uint8ArrayList()
  #messagesToCome: number

  constructor(lower: MessageStream, messagesToCome: number) {
    super(lower)
    this.#messagesToCome = messagesToCome
  }

  sendData(data: Uint8ArrayList): SendResult {
    // In one piece: the transport writes each to the socket by itself.
    return { sentBytes: data.byteLength, canSendMore: this.lower.send(data.slice()) }
  }

  protected receive(data: StreamMessageEvent['data']): void {
    this.#arrived.append(data)
    while (this.#messagesToCome > 0 && this.#arrived.byteLength >= lengthBytes) {
      const end = lengthBytes + this.#arrived.getUint16(0)
      if (this.#arrived.byteLength < end) return
      const message = this.#arrived.sublist(0, end)
      this.#arrived.consume(end)
      this.#messagesToCome--
      this.onData(message)
    }
    if (this.#messagesToCome > 0) return
    this.ignoreMessages()
    if (this.#arrived.byteLength > 0) this.lower.unshift(this.#arrived)
  }
}
