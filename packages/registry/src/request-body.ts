import type { Exchange } from './exchange.ts'

/** Pulls have no body. A small one is dropped, so that the connection can be used again. */
const maxBodyBytes = 64 * 1024

/** What comes of a body in one idle time at least, unless it ends: a client that sends less only holds a connection. */
const minProgressBytes = 1024

/** Gives up on a client that lets its body be waited for. One that the registry holds back may take its time. */
export function watchBody(exchange: Exchange, idleMs: number): void {
  const { request } = exchange
  let before = request.socket.bytesRead
  const timer = setInterval(() => {
    if (request.complete) return clearInterval(timer)
    const { bytesRead } = request.socket
    const isHeldBack = request.readableLength >= request.readableHighWaterMark
    if (bytesRead - before < minProgressBytes && !isHeldBack) {
      clearInterval(timer)
      exchange.hangUp(`a request body that stood still for ${idleMs} ms`)
    }
    before = bytesRead
  }, idleMs)
  timer.unref()
  request.once('close', () => clearInterval(timer))
}

/** Reads and drops a request's body; one that does not end soon ends the connection. */
export function discardBody(exchange: Exchange): void {
  let length = 0
  exchange.request.on('data', (piece: Uint8Array) => {
    length += piece.length
    if (length > maxBodyBytes) exchange.hangUp(`a request body of over ${maxBodyBytes} bytes`)
  })
}
