import type { Exchange } from './exchange.ts'

/** Pulls have no body. A small one is dropped, so that the connection can be used again. */
const maxBodyBytes = 64 * 1024

/** Reads and drops a request's body; one that does not end soon ends the connection. */
export function discardBody(exchange: Exchange): void {
  let length = 0
  exchange.request.on('data', (piece: Uint8Array) => {
    length += piece.length
    if (length > maxBodyBytes) exchange.hangUp(`a request body of over ${maxBodyBytes} bytes`)
  })
}
