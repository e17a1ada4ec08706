import { Socket } from 'node:net'

/** What one read takes from the kernel at most. */
const readBytes = 512 * 1024

export type BytesListener = (bytes: Uint8Array) => void

/**
 * Lets sockets read into one piece of memory, again and again. A socket's 'data' events need new memory for each read
 * of 64 KiB: at 1 GB/s that costs a receiver half of its CPU (docs/data-plane.md).
 *
 * A read and what its listener does with the bytes happen in one go, so all sockets can share the memory.
 */
export class SocketReads {
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes)

  /**
   * A socket in place of one that is open and that nobody has read from: whatever it reads goes to the listener, valid
   * until that returns. The old one closes with it, and it with the old one. Undefined where the handle, by which a
   * socket can be made from another, is not to be had: Node has the `onread` option only for sockets that connect, and
   * the handle is no public API.
   */
  takeOver(socket: Socket, listener: BytesListener): Socket | undefined {
    const owner = socket as unknown as { _handle?: { readStart?: unknown } | null }
    const handle = owner._handle
    if (typeof handle?.readStart !== 'function' || socket.readableLength > 0) return undefined
    owner._handle = null
    socket.setTimeout(0)
    const onread = {
      buffer: this.#buffer,
      callback: (bytes: number) => {
        listener(this.#buffer.subarray(0, bytes))
        return true
      },
    }
    const successor = new Socket({ handle, onread } as unknown as ConstructorParameters<typeof Socket>[0])
    socket.once('close', () => successor.destroy())
    successor.once('close', () => socket.destroy())
    return successor
  }
}
