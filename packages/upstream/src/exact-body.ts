import { freeMemory, OriginError } from '@shoal/content'
import { abandon } from './body.ts'
import type { HttpAnswer } from './http-client.ts'
import { detailOf, place } from './network-fault.ts'
import { failure, malformed, type Subject } from './subject.ts'

export interface ExactBodyInit {
  readonly answer: HttpAnswer
  /** Bytes that must come: no more, no less. */
  readonly length: number
  /** Whether the reader is done with each piece before it asks for the next. */
  readonly borrow?: boolean | undefined
  readonly subject: Subject
  readonly signal?: AbortSignal | undefined
}

/**
 * The body of an answer, held to its length. Pieces are read from the socket only as fast as they are taken.
 * Returning the iterator, also before the first piece, ends the request.
 *
 * @throws OriginError `unavailable` when the body ends early or stalls, `malformed` when it is too long; the
 *   signal's reason when that ended it
 */
export function exactBody(init: ExactBodyInit): AsyncIterableIterator<Uint8Array> {
  const pieces = readExactly(init)
  return {
    next: () => pieces.next(),
    return: () => {
      // A generator that never started would not run its `finally`.
      abandon(init.answer.body)
      return pieces.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

async function* readExactly(init: ExactBodyInit): AsyncGenerator<Uint8Array> {
  const { answer, length, borrow, subject, signal } = init
  let received = 0
  const cut = (why: string) => {
    const text = `${place(subject, answer.url)} stopped after ${received} of ${length} bytes: ${why}`
    return failure('unavailable', subject, text)
  }
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      received += piece.length
      if (received > length) throw malformed(subject, `more than the ${length} bytes that it announced`)
      yield piece
      if (borrow === true) freeMemory(piece)
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error instanceof OriginError ? error : cut(detailOf(error))
  }
  if (received < length) throw cut('the body ended')
}
