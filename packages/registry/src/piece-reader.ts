import type { ByteRange, OpenContent } from '@shoal/content'
import { abortable } from './deadline.ts'
import type { ReportDegraded } from './events.ts'

export interface PieceReaderInit {
  /** @default all of it */
  readonly range?: ByteRange
  /** Whether each piece is done with before the next is asked for. */
  readonly borrow: boolean
  readonly report: ReportDegraded
}

/**
 * Reads content piece by piece, each with a deadline of its own, from a source that may be slow, silent or
 * deaf to its signal. Release it when done, whatever happened.
 */
export class PieceReader {
  readonly #controller = new AbortController()
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #report: ReportDegraded
  #ended = false

  constructor(content: OpenContent, { range, borrow, report }: PieceReaderInit) {
    const { signal } = this.#controller
    this.#pieces = content.read(range, { signal, borrow })[Symbol.asyncIterator]()
    this.#report = report
  }

  /**
   * The next piece that holds bytes, or undefined at the end.
   *
   * @throws the signal's reason as soon as it aborts, and whatever the source throws
   */
  async next(signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (!this.#ended) {
      const { done, value } = await this.#step(signal)
      if (done === true) this.#ended = true
      else if (value.length > 0) return value
    }
    return undefined
  }

  /** Stops the source. Does not wait for it, because it may be stuck; what it still throws is reported. */
  release(): void {
    if (this.#ended) return
    this.#ended = true
    const reason = new DOMException('no more of the content is wanted', 'AbortError')
    this.#controller.abort(reason)
    this.#pieces.return?.().then(undefined, (error) => {
      if (error !== reason) this.#report('stop reading', error)
    })
  }

  async #step(signal: AbortSignal): Promise<IteratorResult<Uint8Array>> {
    try {
      return await abortable(this.#pieces.next(), signal)
    } catch (error) {
      if (!signal.aborted) this.#ended = true // the source threw, so its iterator has ended
      throw error
    }
  }
}
