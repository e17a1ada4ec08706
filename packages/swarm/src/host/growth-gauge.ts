/** Tells when a count has doubled since it last told, so that work is repeated log2(n) times while n nodes join. */
export class GrowthGauge {
  #mark = 0

  /** True for 1, 2, 4, … of a growing count. A count that shrinks can grow again. */
  hasDoubled(count: number): boolean {
    this.#mark = Math.min(this.#mark, count)
    if (count === 0 || count < 2 * this.#mark) return false
    this.#mark = count
    return true
  }
}
