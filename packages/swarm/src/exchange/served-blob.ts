import type { AbortOptions, ChunkSource, Digest } from '@shoal/content'

/** A blob while peers are being served from it: complete, or one that this node is still downloading. */
export interface ServedBlob {
  /** Where to read from now. Changes when a download completes. */
  readonly source: ChunkSource
  /** Tells of chunks as they land. Returns how to stop listening. */
  onLanded(listener: (index: number) => void): () => void
  /** Whether a peer is known to have the chunk: it needs no news of it. */
  isHeldBy(peer: string, index: number): boolean
  /** Whether it may be given to clients of the registry that was named when it was looked for. */
  readonly isOfRegistry: boolean
  /** Aborts when the blob can't be served any longer: its download failed, or this node stops. */
  readonly failed: AbortSignal
  /** Says that this reader is done with it. */
  release(): Promise<void>
}

/** Finds what this node can serve of a blob, for clients of a registry; undefined when it has nothing of it. */
export type FindServedBlob = (
  digest: Digest,
  registry: string,
  options?: AbortOptions,
) => Promise<ServedBlob | undefined>
