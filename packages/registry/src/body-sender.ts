import { ContentUnavailableError, type Digest } from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import type { Delivery, Exchange } from './exchange.ts'
import { endWithFin } from './linger.ts'
import type { PieceReader } from './piece-reader.ts'
import { explain, isUnexpected } from './refusal.ts'
import { clientStallMs, finish } from './respond.ts'

export interface BodySource {
  readonly digest: Digest
  readonly reader: PieceReader
  /** The piece that was awaited before the head was sent; undefined when the body is empty. */
  readonly first: Uint8Array | undefined
  /** How long the client waited for it. */
  readonly waitedMs: number
  /** The `Content-Length` that the head promised. */
  readonly length: number
  /** How long the source may give no byte. */
  readonly stallTimeoutMs: number
  readonly report: ReportDegraded
}

/**
 * Streams a body after its head was sent, as fast as the client takes it. A source that fails, stalls or does
 * not keep to the length breaks the body: the connection ends early with a FIN, and the missing bytes tell
 * the client. Never throws.
 */
export async function sendBody(exchange: Exchange, status: number, source: BodySource): Promise<Delivery> {
  const progress: Progress = { sent: 0, longestWaitMs: source.waitedMs }
  try {
    await pump(exchange, source, progress)
  } catch (error) {
    if (!exchange.clientGone && isUnexpected(error)) source.report('read content', error)
    return breakOff(exchange, { status, ...told(progress) }, error)
  }
  return { ...(await finish(exchange, status)), ...told(progress) }
}

/** How far a body has come. */
interface Progress {
  sent: number
  longestWaitMs: number
}

function told({ sent, longestWaitMs }: Progress): Pick<Delivery, 'bytes' | 'longestWait'> {
  return { bytes: sent, longestWait: longestWaitMs / 1000 }
}

async function pump(exchange: Exchange, source: BodySource, progress: Progress): Promise<void> {
  const { reader, length, stallTimeoutMs } = source
  let piece = source.first
  while (progress.sent < length) {
    exchange.signal.throwIfAborted()
    if (piece === undefined || progress.sent + piece.length > length) {
      const why = `it is not ${length} bytes long, but ends or goes on at ${progress.sent}`
      throw new ContentUnavailableError(source.digest, why)
    }
    progress.sent += piece.length
    if (progress.sent === length) {
      exchange.response.write(piece) // finish() waits for it
      return
    }
    await write(exchange, piece)
    using deadline = new Deadline({
      what: 'the next byte',
      afterMs: stallTimeoutMs,
      parent: exchange.signal,
      reason: 'stalled',
    })
    try {
      piece = await reader.next(deadline.signal)
    } finally {
      progress.longestWaitMs = Math.max(progress.longestWaitMs, deadline.elapsedMs)
    }
  }
}

/** Writes a piece and waits until the connection has taken it: then its memory may be used for the next. */
async function write({ response, signal }: Exchange, piece: Uint8Array): Promise<void> {
  using deadline = new Deadline({
    what: 'the client',
    afterMs: clientStallMs,
    parent: signal,
    reason: 'client-stalled',
  })
  const { promise: written, resolve } = Promise.withResolvers<void>()
  // A write fails when its connection is gone, and then the signal aborts.
  response.write(piece, (error) => {
    if (error === null || error === undefined) resolve()
  })
  await abortable(written, deadline.signal)
}

function breakOff(
  exchange: Exchange,
  delivered: Pick<Delivery, 'status' | 'bytes' | 'longestWait'>,
  error: unknown,
): Delivery {
  if (exchange.clientGone) return { ...delivered, outcome: 'client-closed' }
  const { socket } = exchange.response
  if (socket !== null) endWithFin(socket)
  return { ...delivered, outcome: 'broken', reason: explain(error).reason }
}
