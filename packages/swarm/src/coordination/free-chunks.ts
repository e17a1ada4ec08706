import type { ChunkRun } from '@shoal/content'

/** Of a blob's chunks, those that no live member holds and no member fetches: the ones that can be leased. */
export class FreeChunks {
  readonly #count: number
  /** For each chunk, how many live members hold it. */
  readonly #holders: Uint32Array
  readonly #isLeased: Uint8Array
  #size: number
  /** No chunk before this one is free. */
  #first = 0

  constructor(count: number) {
    this.#count = count
    this.#holders = new Uint32Array(count)
    this.#isLeased = new Uint8Array(count)
    this.#size = count
  }

  /** How many there are. */
  get size(): number {
    return this.#size
  }

  has(index: number): boolean {
    return this.#holders[index] === 0 && this.#isLeased[index] === 0
  }

  /** One more live member holds the chunk, or (-1) one less. */
  countHolder(index: number, change: 1 | -1): void {
    const wasFree = this.has(index)
    this.#holders[index] = (this.#holders[index] ?? 0) + change
    this.#update(index, wasFree)
  }

  setLeased(index: number, isLeased: boolean): void {
    const wasFree = this.has(index)
    this.#isLeased[index] = isLeased ? 1 : 0
    this.#update(index, wasFree)
  }

  /** The first of them and what follows it without a gap, `maxLength` at most. */
  firstRun(maxLength: number): ChunkRun | undefined {
    while (this.#first < this.#count && !this.has(this.#first)) this.#first++
    return this.#first < this.#count ? this.runAt(this.#first, maxLength) : undefined
  }

  /** One of them and what follows it without a gap, `maxLength` at most; undefined when it is not one of them. */
  runAt(start: number, maxLength: number): ChunkRun | undefined {
    if (!this.has(start)) return undefined
    let end = start + 1
    while (end < this.#count && end - start < maxLength && this.has(end)) end++
    return { start, end }
  }

  #update(index: number, wasFree: boolean): void {
    const isFree = this.has(index)
    if (isFree === wasFree) return
    this.#size += isFree ? 1 : -1
    if (isFree && index < this.#first) this.#first = index
  }
}
