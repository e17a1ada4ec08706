import type { MessageStream, StreamMessageEvent } from '@libp2p/interface'
import type { SendResult } from '@libp2p/utils'
import { Uint8ArrayList } from 'uint8arraylist'
import { TcpConnection } from '../tcp/tcp-connection.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { CipherState } from './cipher-state.ts'
import { FrameReader } from './frame-reader.ts'
import { LayeredStream } from './layered-stream.ts'
import { frameOverheadBytes, lengthBytes, maxPlaintextBytes } from './noise-frame.ts'

/** Frames that go to the transport in one write. */
const framesPerWrite = 4
/** As much of what is sent while bytes come in, which yamux's window updates are, waits to go out together after them. */
const maxWaitingBytes = 1024
/** Writes from this length on are made from buffers that are used again. */
const reusedFromBytes = 128 * 1024
/** The longest write. */
export const maxWriteBytes = framesPerWrite * (maxPlaintextBytes + frameOverheadBytes)

export interface NoiseStreamInit {
  readonly sending: CipherState
  readonly receiving: CipherState
  /** Where memory for long writes comes from; of {@link maxWriteBytes} each. */
  readonly sendBuffers: BufferPool
}

/**
 * A connection after the Noise handshake: encrypts what is sent, decrypts what comes in.
 *
 * Decrypts from where the transport put the bytes, and writes several frames at once, length, ciphertext and tag in
 * one buffer.
 */
export class NoiseStream extends LayeredStream {
  readonly #sending: CipherState
  readonly #reader: FrameReader
  readonly #buffers: BufferPool
  readonly #transport: TcpConnection | undefined
  /** Buffers that the transport may still read from. */
  #lent: Buffer[] = []
  #waiting = new Uint8ArrayList()
  #isReceiving = false

  constructor(lower: MessageStream, init: NoiseStreamInit) {
    super(lower)
    this.#sending = init.sending
    this.#reader = new FrameReader(init.receiving)
    this.#buffers = init.sendBuffers
    if (lower instanceof TcpConnection) {
      this.#transport = lower
      this.ignoreMessages()
      lower.addEventListener('drain', this.#reclaim)
      lower.readDirectly((bytes) => this.arrived(bytes))
    }
  }

  sendData(data: Uint8ArrayList): SendResult {
    const sentBytes = data.byteLength
    this.#waiting.append(data)
    const mayWait = this.#isReceiving && this.#waiting.byteLength <= maxWaitingBytes
    return { sentBytes, canSendMore: mayWait ? !this.lower.writableNeedsDrain : this.#flush() }
  }

  protected receive(data: StreamMessageEvent['data']): void {
    const plaintext = new Uint8ArrayList()
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      plaintext.appendAll(this.#reader.read(piece))
    }
    this.#isReceiving = true
    try {
      this.onData(plaintext)
    } finally {
      this.#isReceiving = false
    }
    if (this.status === 'open') this.#flush()
  }

  #flush(): boolean {
    const data = this.#waiting
    this.#waiting = new Uint8ArrayList()
    let canSendMore = !this.lower.writableNeedsDrain
    const most = framesPerWrite * maxPlaintextBytes
    for (let start = 0; start < data.byteLength; start += most) {
      canSendMore = this.lower.send(this.#seal(data.sublist(start, Math.min(start + most, data.byteLength))))
      this.#reclaim()
    }
    return canSendMore
  }

  #seal(data: Uint8ArrayList): Uint8Array {
    const frames = Math.ceil(data.byteLength / maxPlaintextBytes)
    const target = this.#memory(data.byteLength + frames * frameOverheadBytes)
    let offset = 0
    for (let start = 0; start < data.byteLength; start += maxPlaintextBytes) {
      const plaintext = data.sublist(start, Math.min(start + maxPlaintextBytes, data.byteLength))
      target.writeUInt16BE(plaintext.byteLength + frameOverheadBytes - lengthBytes, offset)
      this.#sending.seal(plaintext, target.subarray(offset + lengthBytes))
      offset += plaintext.byteLength + frameOverheadBytes
    }
    return target
  }

  #memory(bytes: number): Buffer {
    if (this.#transport === undefined || bytes < reusedFromBytes) return Buffer.allocUnsafeSlow(bytes)
    const buffer = this.#buffers.take()
    this.#lent.push(buffer)
    return buffer.subarray(0, bytes)
  }

  readonly #reclaim = (): void => {
    if (this.#lent.length === 0 || this.#transport?.isFlushed !== true) return
    this.#buffers.release(this.#lent)
    this.#lent = []
  }
}
