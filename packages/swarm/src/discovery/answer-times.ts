/** Of RFC 6298, which finds in the same way how long a segment's acknowledgement may take. */
const meanWeight = 1 / 8
const deviationWeight = 1 / 4
const deviations = 4
/** Less than a peer may take to answer at all: a query must get on. */
const longestMs = 2_500

/**
 * How long peers take to answer, over all of them. Where everybody is slow, this node or the network is busy, and
 * asking others too would make it busier: a peer is late when it takes longer than the others do.
 */
export class AnswerTimes {
  #meanMs: number | undefined
  #deviationMs = 0

  answered(ms: number): void {
    const mean = this.#meanMs
    if (mean === undefined) {
      this.#meanMs = ms
      this.#deviationMs = ms / 2
      return
    }
    this.#deviationMs += deviationWeight * (Math.abs(ms - mean) - this.#deviationMs)
    this.#meanMs = mean + meanWeight * (ms - mean)
  }

  /** After which time a peer is late, in milliseconds; never less than `leastMs`. */
  lateAfterMs(leastMs: number): number {
    const usualMs = (this.#meanMs ?? 0) + deviations * this.#deviationMs
    return Math.max(leastMs, Math.min(longestMs, usualMs))
  }
}
