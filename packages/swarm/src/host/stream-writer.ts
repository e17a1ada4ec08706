import type { Stream } from '@libp2p/interface'
import type { AbortOptions } from '@shoal/content'
import { pEvent, TimeoutError } from 'p-event'
import type { Uint8ArrayList } from 'uint8arraylist'
import { StreamClosedError } from './errors.ts'

export interface WriteOptions extends AbortOptions {
  /** How long the remote may take to accept one piece, in milliseconds. */
  readonly stallTimeoutMs: number
}

/**
 * Sends pieces one after the other, each when the stream can take it; resolves when it can take more. A sink for
 * it-pipe. A piece must not change before then.
 *
 * @throws StreamClosedError
 */
export async function writeTo(
  stream: Stream,
  pieces: Iterable<Uint8ArrayList>,
  options: WriteOptions,
): Promise<void> {
  await drained(stream, options)
  for (const piece of pieces) {
    send(stream, piece)
    await drained(stream, options)
  }
}

function send(stream: Stream, piece: Uint8ArrayList): void {
  try {
    stream.send(piece)
  } catch (cause) {
    throw new StreamClosedError('the stream is closed', { cause })
  }
}

/**
 * `stream.onDrain()` works once in a stream's life, so this waits for the event itself; more than once, since a
 * drained connection also wakes streams whose own window is still full.
 */
async function drained(stream: Stream, options: WriteOptions): Promise<void> {
  const { signal, stallTimeoutMs } = options
  while (stream.writableNeedsDrain) {
    if (stream.status !== 'open') throw new StreamClosedError('the stream is closed')
    try {
      await pEvent(stream, 'drain', { rejectionEvents: ['close'], signal, timeout: stallTimeoutMs })
    } catch (reason) {
      signal?.throwIfAborted()
      const why = reason instanceof TimeoutError ? 'the remote stopped reading' : 'the stream was closed'
      throw new StreamClosedError(why, { cause: reason instanceof Error ? reason : reasonOf(reason) })
    }
  }
}

/** p-event rejects with the 'close' event itself. */
function reasonOf(event: unknown): Error | undefined {
  return (event as { error?: Error }).error
}
