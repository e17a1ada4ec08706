/** More that lie idle are left to the garbage collector. */
const maxIdle = 16

/** Memory of one size, used again and again: fresh memory is cold and has to be collected. */
export class BufferPool {
  readonly #bytes: number
  readonly #idle: Buffer[] = []

  /** `bytes` is the size of each. */
  constructor(bytes: number) {
    this.#bytes = bytes
  }

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(this.#bytes)
  }

  /** Nobody may read the buffers any longer. */
  release(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) if (this.#idle.length < maxIdle) this.#idle.push(buffer)
  }
}
