import type { ChunkRun } from '@shoal/content'
import type { SwarmMember } from './swarm-member.ts'

/**
 * When nothing is left to give, half of what a fetcher has before it goes to one that has nothing to do, if the fetcher
 * would be busy with it for so long, and so many times as long as usual. What is in upstream's pipe already is sent twice
 * then; so where all are slow, nobody's chunks are taken.
 */
const splitAfterMs = 2_000
const splitSlowness = 4
const minSplitChunks = 2

/** The end of what the slowest fetcher has not come to yet; undefined where nobody is slow enough. */
export function slowestTail(
  fetchers: Iterable<SwarmMember>,
  { usualChunkMs, now }: { readonly usualChunkMs: number; readonly now: number },
): { readonly fetcher: SwarmMember; readonly run: ChunkRun } | undefined {
  let slowest: SwarmMember | undefined
  let longestMs = splitAfterMs
  for (const fetcher of fetchers) {
    const { leased, chunkMs, lastLanded } = fetcher
    const paceMs = Math.max(chunkMs, now - lastLanded)
    const remainingMs = leased.size * paceMs
    if (leased.size < minSplitChunks || paceMs < splitSlowness * usualChunkMs) continue
    if (remainingMs < longestMs) continue
    slowest = fetcher
    longestMs = remainingMs
  }
  return slowest && { fetcher: slowest, run: lastRun(secondHalf(slowest.leased)) }
}

function secondHalf(chunks: ReadonlySet<number>): number[] {
  const indexes = [...chunks].sort((a, b) => a - b)
  return indexes.slice(indexes.length >> 1)
}

/** The last that are next to each other. */
function lastRun(indexes: readonly number[]): ChunkRun {
  const end = (indexes.at(-1) as number) + 1
  let start = end - 1
  for (const index of indexes.toReversed()) {
    if (index < start - 1) break
    start = index
  }
  return { start, end }
}
