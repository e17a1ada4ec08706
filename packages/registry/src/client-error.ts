import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { endWithFin } from './linger.ts'
import { RequestError } from './request-error.ts'
import { encodeError } from './respond.ts'

/** Errors of node's HTTP parser that have an answer of their own. */
const headerOverflow = 'HPE_HEADER_OVERFLOW'
const requestTimeout = 'ERR_HTTP_REQUEST_TIMEOUT'

/**
 * Answers what is not an HTTP request: headers without end, or a TLS hello at this plain port, by which
 * Podman and containerd find out that it is plain. The connection is closed with a FIN, its input drained, so
 * that the answer arrives even at a client that is still sending.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // The parser repeats itself with every piece that still arrives while an ended connection is drained.
  if (socket.writableEnded) return
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy() // there is nobody left to answer
    return
  }
  const { status, body } = answerTo(error.code)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(body)
  endWithFin(socket as Socket) // node:http hands over the connection's net.Socket
}

function answerTo(code: string | undefined): { readonly status: number; readonly body: Uint8Array } {
  if (code === headerOverflow) {
    const message = 'the request headers are longer than this registry accepts'
    return toAnswer(new RequestError('UNSUPPORTED', message, { status: 431, reason: 'headers-too-long' }))
  }
  const message =
    code === requestTimeout
      ? 'the request did not arrive in time'
      : 'this is not an HTTP request; the registry speaks plain HTTP here'
  return toAnswer(new RequestError('UNSUPPORTED', message, { status: 400, reason: 'malformed-request' }))
}

function toAnswer(error: RequestError): { readonly status: number; readonly body: Uint8Array } {
  return { status: error.status, body: encodeError(error) }
}
