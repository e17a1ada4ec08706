import { type AddressInfo, BoundSocket } from 'node:net'

/** Who started the program is who `LISTEN_PID` names. */
const script = 'LISTEN_PID=$$ exec "$0" "$@"'

/**
 * A socket for agents that outlives each of them, as one of systemd does: this process holds it and accepts nothing, so that
 * clients wait until an agent serves them. It is open from when the first agent listens on it.
 */
export class KeptSocket implements Disposable {
  readonly #socket = new BoundSocket({ host: '127.0.0.1' })

  /** `127.0.0.1:<port>` */
  get address(): string {
    const { address, port } = this.#socket.address() as AddressInfo
    return `${address}:${port}`
  }

  /** How a program is started so that it inherits the socket by the protocol of sd_listen_fds(3). */
  handOver(program: readonly [file: string, ...args: string[]]) {
    return {
      file: 'sh',
      args: ['-c', script, ...program],
      env: { LISTEN_FDS: '1', LISTEN_FDNAMES: 'registry' },
      descriptors: [this.#socket.fd()],
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}
