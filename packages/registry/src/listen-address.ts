import { InvalidInputError, ShoalError } from '@shoal/content'

/** Where a server listens. */
export interface ListenAddress {
  /** An IP address or host name, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** A TCP socket that another process bound, and that outlives this one: systemd's, say. */
export interface InheritedSocket {
  /** Its file descriptor, which is closed when the server stops. */
  readonly fd: number
}

/** The registry could not start to listen. */
export class ListenError extends ShoalError {
  constructor(message: string, options?: ErrorOptions) {
    super('LISTEN', message, options)
  }
}

/**
 * Reads `host:port`, such as `127.0.0.1:5005` or `[::1]:5005`. Port 0 takes any free port.
 *
 * @throws InvalidInputError `LISTEN_INVALID`
 */
export function parseListenAddress(text: string): ListenAddress {
  const {
    v6,
    name,
    port = '',
  } = /^(?:\[(?<v6>[\da-fA-F:.]+)\]|(?<name>[^:[\]\s/]+)):(?<port>\d{1,5})$/.exec(text)?.groups ?? {}
  const host = v6 ?? name
  if (host === undefined || Number(port) > 65_535) {
    const quoted = JSON.stringify(text.slice(0, 160))
    throw new InvalidInputError(
      'LISTEN_INVALID',
      `malformed listen address ${quoted}: expected host:port, such as 127.0.0.1:5005 or [::1]:5005`,
    )
  }
  return { host, port: Number(port) }
}

/** Says in one line what kept the registry from listening, and what to do. */
export function explainListenError(place: string | InheritedSocket, cause: unknown): ListenError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (typeof place !== 'string') return notListening(place, `${code ?? cause}`, { cause })
  const known = typeof code === 'string' ? listenProblems[code] : undefined
  const problem =
    known ?? `${cause instanceof Error ? cause.message : cause}; choose another with --registry-listen`
  return new ListenError(`cannot listen on ${place}: ${problem}`, { cause })
}

/** A descriptor was handed over that is no TCP socket. */
export function notListening({ fd }: InheritedSocket, what: string, options?: ErrorOptions): ListenError {
  return new ListenError(
    `cannot listen on the inherited descriptor ${fd}: got ${what}, expected a listening TCP socket`,
    options,
  )
}

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop the other process or choose another with --registry-listen',
  EADDRNOTAVAIL: 'this host has no such address; choose another with --registry-listen',
  EACCES: 'not permitted; choose a port above 1023 with --registry-listen',
  ENOTFOUND: 'the host name is not known; give an IP address with --registry-listen',
}
