import type { ReadonlyChunkSet } from '@shoal/content'

/**
 * So many chunks from where a client reads on come before all others, so that it is served while the rest arrives. Among
 * these as anywhere, the rare ones are left to chance: clients of many nodes read at about the same place, and where all
 * took the first, its only holder would send that one to each of them, while what else it alone has waits.
 */
const nearChunks = 32

export interface PickInput {
  /** Chunks that may be asked for. */
  readonly wanted: ReadonlyChunkSet
  /** Chunks that the peer has. */
  readonly offered: ReadonlyChunkSet
  /** Chunks that clients have waited for so long that nothing else comes first. */
  readonly overdue: readonly number[]
  /** First missing chunks at or after where clients read. */
  readonly places: readonly number[]
  /** Which of the places comes first this time, so that each has its turn. */
  readonly turn: number
  /** How many neighbours there are. */
  readonly neighbours: number
  /** How many of them have the chunk. */
  readonly availability: (index: number) => number
  /** 0 to 1. */
  readonly random: () => number
}

/**
 * The next chunk to ask of a peer: near a reader, in order what half of the neighbours have, else the rarest, ties by
 * chance. (Rarest first: Legout et al., "Rarest First and Choke Algorithms Are Enough", IMC 2006; inside a window, for
 * readers in order: Vlavianos et al., "BiToS", 2006.)
 */
export function pickChunk(input: PickInput): number | undefined {
  const { wanted, offered, overdue, places, turn } = input
  for (const index of overdue) if (wanted.has(index) && offered.has(index)) return index
  for (let n = 0; n < places.length; n++) {
    const place = places[(turn + n) % places.length] ?? wanted.capacity
    const near = pickNear(input, place)
    if (near !== undefined) return near
  }
  return pickRarest(input)
}

function pickNear(input: PickInput, place: number): number | undefined {
  const { wanted, offered, random } = input
  const end = Math.min(place + nearChunks, wanted.capacity)
  const plenty = Math.ceil(input.neighbours / 2)
  let best: number | undefined
  let bestAvailability = plenty + 1
  let ties = 0
  for (
    let index = wanted.firstCommon(offered, place);
    index < end;
    index = wanted.firstCommon(offered, index + 1)
  ) {
    const availability = Math.min(plenty, input.availability(index))
    if (availability > bestAvailability || (availability === bestAvailability && availability === plenty))
      continue
    ties = availability < bestAvailability ? 1 : ties + 1
    bestAvailability = availability
    // Each of the equally rare ones with the same chance.
    if (random() * ties < 1) best = index
  }
  return best
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
