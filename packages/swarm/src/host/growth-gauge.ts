/** Each time work is repeated costs a look-up, which itself brings most of the growth. */
const factor = 8

/** Tells when a count has grown several times since it last told, so that work is repeated log(n) times for n. */
export class GrowthGauge {
  #mark = 0

  /** True for 1, 8, 64, … of a growing count. A count that shrinks can grow again. */
  hasGrown(count: number): boolean {
    this.#mark = Math.min(this.#mark, count)
    if (count === 0 || count < factor * this.#mark) return false
    this.#mark = count
    return true
  }
}
