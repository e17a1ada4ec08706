import type { Socket } from 'node:net'

/**
 * How long a connection that we ended may stay open for the client to read the rest and hang up. Clients on
 * the same node need milliseconds; this bounds those that never do.
 */
const lingerMs = 5_000

/**
 * Ends a connection so that the client sees a FIN: what was written is flushed, and what the client still
 * sends is read and dropped. A plain `destroy()` drops the unflushed, and with unread input it sends an RST,
 * on which containerd fails the whole pull instead of resuming or asking elsewhere.
 */
export function endWithFin(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded) return
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
  socket.end()
}
