import { InvalidInputError } from './errors.ts'

/** A run of consecutive chunks: `start`, `start + 1`, … up to and without `end`. */
export interface ChunkRun {
  readonly start: number
  readonly end: number
}

/** The part of a {@link ChunkSet} that readers need. */
export interface ReadonlyChunkSet extends Iterable<number> {
  /** Number of chunks in the blob. */
  readonly capacity: number
  /** Number of chunks in the set. */
  readonly size: number
  readonly isComplete: boolean
  has(index: number): boolean
  /** The first chunk at or after `from` that is not in the set, or `capacity`. */
  firstMissing(from?: number): number
  /** The first chunk at or after `from` that is in both sets, or `capacity`. */
  firstCommon(other: ReadonlyChunkSet, from?: number): number
  runs(): ChunkRun[]
  encode(): Uint8Array<ArrayBuffer>
  clone(): ChunkSet
}

/** Kinds of {@link ChunkSet.encode}'s output; the first byte. */
const asRuns = 0
const asBitmap = 1
/** A decoder's limit: 4 TiB in 4 MiB chunks. */
const maxCapacity = 2 ** 20

/** Which chunks of a blob someone has: a bitfield with a count, and a compact form for the wire. */
export class ChunkSet implements ReadonlyChunkSet {
  readonly capacity: number
  readonly #words: Uint32Array<ArrayBuffer>
  #size = 0

  /** @throws InvalidInputError `CHUNK_SET_INVALID` for a capacity that is not 0 … 2^20 */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 0 || capacity > maxCapacity) {
      throw invalid(`capacity ${capacity}; expected 0 to ${maxCapacity}`)
    }
    this.capacity = capacity
    this.#words = new Uint32Array(Math.ceil(capacity / 32))
  }

  static full(capacity: number): ChunkSet {
    const set = new ChunkSet(capacity)
    for (let index = 0; index < capacity; index++) set.add(index)
    return set
  }

  static of(capacity: number, indexes: Iterable<number>): ChunkSet {
    const set = new ChunkSet(capacity)
    for (const index of indexes) set.add(index)
    return set
  }

  /**
   * Reads what {@link encode} wrote.
   *
   * @throws InvalidInputError `CHUNK_SET_INVALID` for anything that is not a set of `capacity` chunks
   */
  static decode(bytes: Uint8Array, capacity: number): ChunkSet {
    const set = new ChunkSet(capacity)
    if (bytes[0] === asBitmap) decodeBitmap(bytes, set)
    else if (bytes[0] === asRuns) decodeRuns(bytes, set)
    else throw invalid(`kind ${bytes[0]}; expected ${asRuns} or ${asBitmap}`)
    return set
  }

  get size(): number {
    return this.#size
  }

  get isComplete(): boolean {
    return this.#size === this.capacity
  }

  has(index: number): boolean {
    return ((this.#words[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0
  }

  /**
   * Adds a chunk; false if it was there.
   *
   * @throws InvalidInputError `CHUNK_SET_INVALID` for an index outside the blob
   */
  add(index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= this.capacity) {
      throw invalid(`chunk ${index} of ${this.capacity}`)
    }
    if (this.has(index)) return false
    this.#words[index >>> 5] = (this.#words[index >>> 5] ?? 0) | (1 << (index & 31))
    this.#size++
    return true
  }

  /** Removes a chunk; false if it was not there. */
  delete(index: number): boolean {
    if (!this.has(index)) return false
    this.#words[index >>> 5] = (this.#words[index >>> 5] ?? 0) & ~(1 << (index & 31))
    this.#size--
    return true
  }

  firstMissing(from = 0): number {
    return Math.min(this.#firstBit(from, 0xffff_ffff), this.capacity)
  }

  firstCommon(other: ReadonlyChunkSet, from = 0): number {
    const ours = this.#words
    const theirs = (other as ChunkSet).#words
    let word = from >>> 5
    let common = (ours[word] ?? 0) & (theirs[word] ?? 0) & (0xffff_ffff << (from & 31))
    while (common === 0) {
      if (++word >= ours.length) return this.capacity
      common = (ours[word] ?? 0) & (theirs[word] ?? 0)
    }
    return word * 32 + lowestBit(common)
  }

  *[Symbol.iterator](): Generator<number> {
    for (const { start, end } of this.runs()) {
      for (let index = start; index < end; index++) yield index
    }
  }

  runs(): ChunkRun[] {
    const runs: ChunkRun[] = []
    let start = this.#firstPresent(0)
    while (start < this.capacity) {
      const end = this.firstMissing(start)
      runs.push({ start, end })
      start = this.#firstPresent(end)
    }
    return runs
  }

  /** The shorter of two forms: gaps and run lengths as varints, or the bitmap itself. */
  encode(): Uint8Array<ArrayBuffer> {
    const runs = encodeRuns(this.runs(), this.#bytes.length)
    if (runs !== undefined) return runs
    const bitmap = new Uint8Array(1 + this.#bytes.length)
    bitmap[0] = asBitmap
    bitmap.set(this.#bytes, 1)
    return bitmap
  }

  clone(): ChunkSet {
    const copy = new ChunkSet(this.capacity)
    copy.#words.set(this.#words)
    copy.#size = this.#size
    return copy
  }

  /** The bitmap of the wire: chunk 0 is the lowest bit of the first byte, as words have it where the low byte is first. */
  get #bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#words.buffer, 0, Math.ceil(this.capacity / 8))
  }

  #firstPresent(from: number): number {
    return Math.min(this.#firstBit(from, 0), this.capacity)
  }

  /** The first bit at or after `from` that is set once all are flipped where `flip` has ones; behind the last if none is. */
  #firstBit(from: number, flip: number): number {
    const words = this.#words
    let word = from >>> 5
    if (word >= words.length) return this.capacity
    let bits = ((words[word] ?? 0) ^ flip) & (0xffff_ffff << (from & 31))
    while (bits === 0) {
      if (++word >= words.length) return this.capacity
      bits = (words[word] ?? 0) ^ flip
    }
    return word * 32 + lowestBit(bits)
  }
}

/** 31 minus the number of zeros above it. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}

/** Undefined when the runs take more than `maxBytes`, so that a bitmap is shorter. */
function encodeRuns(runs: ChunkRun[], maxBytes: number): Uint8Array<ArrayBuffer> | undefined {
  const out = [asRuns]
  let previous = 0
  for (const { start, end } of runs) {
    pushVarint(out, start - previous)
    pushVarint(out, end - start)
    previous = end
    if (out.length > maxBytes + 1) return undefined
  }
  return Uint8Array.from(out)
}

function decodeRuns(bytes: Uint8Array, set: ChunkSet): void {
  let offset = 1
  let index = 0
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift <= 14; shift += 7) {
      const byte = bytes[offset++]
      if (byte === undefined) throw invalid('it ends inside a run')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw invalid('a run is longer than any blob')
  }
  while (offset < bytes.length) {
    index += next()
    const length = next()
    if (length === 0 || index + length > set.capacity)
      throw invalid(`a run of ${length} at ${index} of ${set.capacity}`)
    for (const end = index + length; index < end; index++) set.add(index)
  }
}

function decodeBitmap(bytes: Uint8Array, set: ChunkSet): void {
  if (bytes.length !== 1 + Math.ceil(set.capacity / 8)) {
    throw invalid(`a bitmap of ${bytes.length - 1} bytes for ${set.capacity} chunks`)
  }
  for (let index = 0; index < (bytes.length - 1) * 8; index++) {
    if (((bytes[1 + (index >>> 3)] ?? 0) & (1 << (index & 7))) !== 0) set.add(index)
  }
}

function pushVarint(out: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.push(rest)
}

function invalid(why: string): InvalidInputError {
  return new InvalidInputError('CHUNK_SET_INVALID', `malformed chunk set: ${why}`)
}
