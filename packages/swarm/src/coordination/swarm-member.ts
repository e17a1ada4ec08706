import type { ChunkSet } from '@shoal/content'

/** A downloader of one blob, as the blob's coordinator knows it. */
export interface SwarmMember {
  readonly name: string
  /** Where it is, so that who is near can be told from who is far; empty if it does not say. */
  readonly zone: string
  readonly held: ChunkSet
  /** Chunks that it fetches, or will fetch, from upstream. */
  readonly leased: Set<number>
  /** How many chunks it had leased when it was last given some. */
  runChunks: number
  /** Peers that it was told of. */
  readonly introduced: Set<string>
  /** Members that were told of it. */
  knownTo: number
  /** It would fetch more from upstream. */
  isWilling: boolean
  /** When the last of its leased chunks landed, or, since none has, when it got them. */
  lastLanded: number
  /** When bytes of them last came in. */
  lastWorked: number
  /** Mean time from one leased chunk to the next, in milliseconds; 0 before the second. */
  chunkMs: number
}
