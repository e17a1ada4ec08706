import type { ReadonlyChunkSet } from '@shoal/content'

/**
 * Inside this many chunks from where a client reads, chunks are taken in order, so that the client is served while
 * the rest arrives; a window of 4-32 costs nothing when chunks leave upstream once (Shoal's model).
 */
const inOrderWindowChunks = 8

export interface PickInput {
  readonly count: number
  readonly held: ReadonlyChunkSet
  /** First chunk that a client waits for. */
  readonly readingAt: number
  /** Chunks that may be asked of the peer now: it has them and nobody else is on them. */
  readonly isCandidate: (index: number) => boolean
  /** How many neighbours have the chunk. */
  readonly availability: (index: number) => number
  readonly random: () => number
}

/**
 * The next chunk to ask of a peer: the first missing one near the reader, else the rarest, ties by chance.
 * (Rarest first: Legout et al., "Rarest First and Choke Algorithms Are Enough", IMC 2006.)
 */
export function pickChunk(input: PickInput): number | undefined {
  const windowStart = input.held.firstMissing(input.readingAt)
  const windowEnd = Math.min(windowStart + inOrderWindowChunks, input.count)
  for (let index = windowStart; index < windowEnd; index++) {
    if (!input.held.has(index) && input.isCandidate(index)) return index
  }
  return pickRarest(input)
}

function pickRarest(input: PickInput): number | undefined {
  let best: number | undefined
  let bestAvailability = Number.POSITIVE_INFINITY
  let ties = 0
  for (
    let index = input.held.firstMissing(0);
    index < input.count;
    index = input.held.firstMissing(index + 1)
  ) {
    if (!input.isCandidate(index)) continue
    const availability = input.availability(index)
    if (availability > bestAvailability) continue
    ties = availability < bestAvailability ? 1 : ties + 1
    bestAvailability = availability
    // Reservoir sampling: each of the k rarest is chosen with chance 1/k, in one pass.
    if (ties === 1 || input.random() < 1 / ties) best = index
  }
  return best
}
