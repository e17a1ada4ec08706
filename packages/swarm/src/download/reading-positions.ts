import type { ReadonlyChunkSet } from '@shoal/content'

/** Whoever has so many chunks before it does not wait. */
const fedChunks = 8
/** So many places are served at a time; further readers have their turn when those got something. */
const maxPlaces = 8
/** A reader's lease is asked for before it has come to its end. */
const chunksAhead = 2
/** A chunk that nobody brings is asked for again after so long. */
const askAgainMs = 1_000

interface Position {
  /** The chunk that it waits for, or last waited for. */
  readonly index: number
  /** Since when, or when it was last helped out. */
  since: number
  /** The chunk that was last asked for on its behalf, and when. */
  asked: number
  askedAt: number
}

/**
 * Where clients read in one blob: a pull from its beginning, a range far ahead, the parts of a containerd that fetches
 * several at once. Each waits for its next missing chunk, and all of them move on.
 */
export class ReadingPositions {
  /** In the order in which they came to where they are: who waits longest comes first. */
  readonly #positions = new Map<number, Position>()

  /** A reader waits for a chunk. */
  moved(reader: number, index: number, now: number): void {
    if (this.#positions.get(reader)?.index === index) return
    this.#positions.delete(reader)
    this.#positions.set(reader, { index, since: now, asked: -1, askedAt: 0 })
  }

  left(reader: number): void {
    this.#positions.delete(reader)
  }

  /** The first missing chunk at or after where each reads, who waits longest first; the blob's first when nobody reads. */
  places(held: ReadonlyChunkSet): readonly number[] {
    if (this.#positions.size <= 1) return [this.#onlyPlace(held)]
    const places = new Set<number>()
    const fed: number[] = []
    for (const { index } of this.#positions.values()) {
      const place = held.firstMissing(index)
      if (place === held.capacity) continue
      // Whoever has much before it to read comes last: perhaps it does not read on.
      if (place - index < fedChunks) places.add(place)
      else fed.push(place)
      if (places.size === maxPlaces) break
    }
    for (const place of fed) if (places.size < maxPlaces) places.add(place)
    if (places.size === 0) places.add(held.firstMissing(0))
    return [...places]
  }

  /** Whether somebody reads elsewhere than where the download would go by itself. */
  isSpread(held: ReadonlyChunkSet): boolean {
    if (this.#positions.size === 0) return false
    if (this.#positions.size === 1) return this.#onlyPlace(held) !== held.firstMissing(0)
    const places = this.places(held)
    return places.length > 1 || places[0] !== held.firstMissing(0)
  }

  /** Most downloads have one reader, and this is asked at every event. */
  #onlyPlace(held: ReadonlyChunkSet): number {
    for (const { index } of this.#positions.values()) {
      const place = held.firstMissing(index)
      if (place < held.capacity) return place
    }
    return held.firstMissing(0)
  }

  /** Chunks that readers have waited for for so long, who waits longest first. */
  overdue(held: ReadonlyChunkSet, { now, patienceMs }: { now: number; patienceMs: number }): number[] {
    const overdue: number[] = []
    for (const { index, since } of this.#positions.values()) {
      if (overdue.length === maxPlaces) break
      if (now - since >= patienceMs && !held.has(index)) overdue.push(index)
    }
    return overdue
  }

  /** The same; those readers are taken for helped out then. */
  helpOut(held: ReadonlyChunkSet, patience: { now: number; patienceMs: number }): number[] {
    const overdue = this.overdue(held, patience)
    for (const position of this.#positions.values()) {
      if (overdue.includes(position.index)) position.since = patience.now
    }
    return overdue
  }

  /** The next chunks of those who wait that nobody brings, to be asked for now. */
  unserved(held: ReadonlyChunkSet, isOrphan: (index: number) => boolean, now: number): number[] {
    const unserved = new Set<number>()
    for (const position of this.#positions.values()) {
      const place = held.firstMissing(position.index)
      if (place - position.index >= fedChunks) continue
      const next = firstBetween(place, Math.min(place + chunksAhead, held.capacity), isOrphan)
      if (next === undefined) continue
      if (position.asked === next && now - position.askedAt < askAgainMs) continue
      position.asked = next
      position.askedAt = now
      unserved.add(next)
      if (unserved.size === maxPlaces) break
    }
    return [...unserved]
  }
}

function firstBetween(from: number, to: number, isIt: (index: number) => boolean): number | undefined {
  for (let index = from; index < to; index++) if (isIt(index)) return index
  return undefined
}
