import type { HttpAnswer, HttpBody } from './http-client.ts'
import { detailOf, place } from './network-fault.ts'
import { failure, malformed, type Subject } from './subject.ts'

/** Larger leftovers cost more to read than a new connection does. */
const maxDiscardBytes = 64 * 1024
const discardTimeoutMs = 1_000

export interface DocumentLimits {
  readonly maxBytes: number
  readonly timeoutMs: number
}

/** A document that is longer than whoever asked for it takes. */
class DocumentTooLargeError extends Error {}

/**
 * Reads the body of an answer whole.
 *
 * @throws OriginError `malformed` for one that is too long, `unavailable` for one that is cut or takes too
 *   long; the signal's reason when that ended it
 */
export async function readDocument(
  { body, url }: HttpAnswer,
  limits: DocumentLimits,
  { subject, signal }: { readonly subject: Subject; readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  try {
    return await readAll(body, limits)
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof DocumentTooLargeError) {
      throw malformed(subject, `more than the ${limits.maxBytes} bytes that such an answer may have`)
    }
    throw failure('unavailable', subject, `${place(subject, url)} stopped in its answer: ${detailOf(error)}`)
  }
}

/** Reads what little is left of a body that nobody wants, so that its connection can serve again. */
export async function discard(body: HttpBody): Promise<void> {
  try {
    await body.dump({ limit: maxDiscardBytes, signal: AbortSignal.timeout(discardTimeoutMs) })
  } catch (error) {
    // Too slow, or cut: then the connection goes too, and nobody misses the bytes.
    abandon(body, error)
  }
}

/** Ends a body, and its connection with it. */
export function abandon(body: HttpBody, reason?: unknown): void {
  // The stream reports its own end to whoever reads it; here that is nobody.
  body.once('error', ignoreOwnEnd)
  body.destroy(reason instanceof Error ? reason : undefined)
}

async function readAll(body: HttpBody, { maxBytes, timeoutMs }: DocumentLimits): Promise<Uint8Array> {
  const late = () => body.destroy(new Error(`it took more than ${timeoutMs} ms`))
  const timer = setTimeout(late, timeoutMs)
  try {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      length += piece.length
      if (length > maxBytes) throw new DocumentTooLargeError()
      pieces.push(piece)
    }
    return Buffer.concat(pieces, length)
  } finally {
    clearTimeout(timer)
  }
}

function ignoreOwnEnd(): void {
  // Caused by us a line above: the reason is already with the caller.
}
