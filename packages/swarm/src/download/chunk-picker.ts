import type { ReadonlyChunkSet } from '@shoal/content'

/**
 * Inside this many chunks from where a client reads, chunks are taken in order, so that the client is served while
 * the rest arrives; a window of 4-32 costs nothing when chunks leave upstream once (Shoal's model).
 */
export const inOrderWindowChunks = 8

export interface PickInput {
  /** Chunks that may be asked for. */
  readonly wanted: ReadonlyChunkSet
  /** Chunks that the peer has. */
  readonly offered: ReadonlyChunkSet
  /** First missing chunks at or after where clients read. */
  readonly places: readonly number[]
  /** Which of the places comes first this time, so that each has its turn. */
  readonly turn: number
  /** How many neighbours have the chunk. */
  readonly availability: (index: number) => number
  /** 0 to 1. */
  readonly random: () => number
}

/**
 * The next chunk to ask of a peer: the first that is wanted near a reader, else the rarest, ties by chance.
 * (Rarest first: Legout et al., "Rarest First and Choke Algorithms Are Enough", IMC 2006.)
 */
export function pickChunk(input: PickInput): number | undefined {
  const { wanted, offered, places, turn } = input
  for (let n = 0; n < places.length; n++) {
    const start = places[(turn + n) % places.length] ?? wanted.capacity
    const inWindow = wanted.firstCommon(offered, start)
    if (inWindow < Math.min(start + inOrderWindowChunks, wanted.capacity)) return inWindow
  }
  return pickRarest(input)
}

function pickRarest(input: PickInput): number | undefined {
  const { capacity } = input.wanted
  // From a random place on and around: of equally rare chunks, each peer's turn falls on another.
  const turn = Math.floor(input.random() * capacity)
  const after = rarestBetween(input, turn, capacity)
  const before = rarestBetween(input, 0, turn)
  if (after === undefined || before === undefined) return after ?? before
  return input.availability(before) < input.availability(after) ? before : after
}

function rarestBetween(input: PickInput, from: number, to: number): number | undefined {
  const { wanted, offered } = input
  let best: number | undefined
  let bestAvailability = 0xffff_ffff
  for (
    let index = wanted.firstCommon(offered, from);
    index < to;
    index = wanted.firstCommon(offered, index + 1)
  ) {
    const availability = input.availability(index)
    if (availability >= bestAvailability) continue
    best = index
    bestAvailability = availability
    // Nothing that the peer offers is rarer.
    if (availability === 1) break
  }
  return best
}
