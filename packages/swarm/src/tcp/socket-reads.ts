import { type OnReadOpts, Socket } from 'node:net'

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

  /** An option for `net.connect`: whatever the socket reads goes to the listener, valid until it returns. */
  into(listener: BytesListener): OnReadOpts {
    return {
      buffer: this.#buffer,
      callback: (bytes) => {
        listener(this.#buffer.subarray(0, bytes))
        return true
      },
    }
  }

  /**
   * The same for a socket that a server accepted with `pauseOnConnect`: a new one in its place. Node has the option
   * only for sockets that connect; the handle, by which a socket can be made from another, is no public API. Without
   * it, the socket stays as it is.
   */
  adopt(accepted: Socket, listener: BytesListener): Socket {
    const owner = accepted as unknown as { _handle?: { readStart?: unknown } | null }
    const handle = owner._handle
    if (typeof handle?.readStart !== 'function') {
      return accepted.on('data', listener).resume()
    }
    owner._handle = null
    // The server counts it as closed.
    accepted.destroy()
    return new Socket({ handle, onread: this.into(listener) } as ConstructorParameters<typeof Socket>[0])
  }
}
