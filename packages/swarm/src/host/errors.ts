import { ShoalError } from '@shoal/content'

/** The remote closed, reset or truncated the stream, or stopped reading it. */
export class StreamClosedError extends ShoalError {
  constructor(message: string, options?: ErrorOptions) {
    super('STREAM_CLOSED', message, options)
  }
}

/** A peer could not be reached in time, or refused. Another may have what it has. */
export class PeerUnreachableError extends ShoalError {
  readonly peer: string

  constructor(peer: string, why: string, options?: ErrorOptions) {
    super('PEER_UNREACHABLE', `peer ${peer} can't be reached: ${why}`, options)
    this.peer = peer
  }
}
