import {
  type AbortOptions,
  type ChunkLayout,
  type ChunkRun,
  type ContentAddress,
  freeMemory,
  type Origin,
  OriginError,
} from '@shoal/content'
import type { UpstreamFailure } from './download-events.ts'
import type { IncomingChunks } from './incoming-chunks.ts'

export interface UpstreamFetch {
  readonly origin: Origin
  readonly address: ContentAddress
  readonly layout: ChunkLayout
  readonly run: ChunkRun
  /** Told of what is here of the chunk that is coming in. */
  readonly incoming: IncomingChunks
  /** Called as bytes come in. */
  readonly onBytes: () => void
  /** Called for each chunk in order; the body is read on only when it resolves. */
  readonly onChunk: (index: number, bytes: Uint8Array) => Promise<void>
  /** A chunk that is here by now, or that someone else fetches, needs no bytes kept. */
  readonly isWanted: (index: number) => boolean
  /** Called when upstream, asked for a range, sends the whole. */
  readonly onWhole: () => void
}

/**
 * Fetches a run of chunks from the origin in one request, and hangs up when none of the rest is wanted any more. An
 * origin without ranges sends the whole; then every chunk that is wanted is taken from it.
 *
 * @throws OriginError, or what onChunk throws
 */
export async function fetchRun(fetch: UpstreamFetch, options?: AbortOptions): Promise<void> {
  const { layout, run } = fetch
  const wanted = { start: layout.rangeOf(run.start).start, end: layout.rangeOf(run.end - 1).end }
  const whole = wanted.start === 0 && wanted.end === layout.size
  const part = whole ? {} : { range: wanted }
  const content = await fetch.origin.fetch(fetch.address, { ...options, ...part, borrow: true })
  if (content.size !== layout.size) {
    throw new OriginError(
      'malformed',
      `${fetch.address.digest} has ${content.size} bytes upstream, not ${layout.size}`,
    )
  }
  const isWhole = content.range.start === 0 && content.range.end === layout.size
  if (isWhole && !whole) fetch.onWhole()
  const end = isWhole ? layout.count : run.end
  let index = layout.indexAt(content.range.start)
  let chunk = newChunk(layout, index)
  let filled = 0
  try {
    for await (const piece of content.body) {
      fetch.onBytes()
      let rest = piece
      while (rest.length > 0) {
        const part = rest.subarray(0, chunk.length - filled)
        chunk.set(part, filled)
        filled += part.length
        rest = rest.subarray(part.length)
        fetch.incoming.received(index, chunk.subarray(0, filled))
        if (filled < chunk.length) continue
        if (fetch.isWanted(index)) await fetch.onChunk(index, chunk)
        fetch.incoming.ended(index)
        // Whoever was given it has stored it.
        freeMemory(chunk)
        index++
        if (!isAnyWanted(index, end, fetch.isWanted)) return
        chunk = newChunk(layout, index)
        filled = 0
      }
    }
  } finally {
    fetch.incoming.ended(index)
  }
}

/** What an upstream error means to a download. */
export function upstreamFailure(error: unknown): UpstreamFailure {
  const fault = error instanceof OriginError ? error.fault : undefined
  const final = fault === 'not-found' || fault === 'unauthorized' || fault === 'refused'
  const retryAfterMs = error instanceof OriginError ? error.retryAfterMs : undefined
  return { final, reason: error instanceof Error ? error.message : String(error), retryAfterMs }
}

function isAnyWanted(from: number, to: number, isWanted: (index: number) => boolean): boolean {
  for (let index = from; index < to; index++) if (isWanted(index)) return true
  return false
}

function newChunk(layout: ChunkLayout, index: number): Uint8Array {
  return Buffer.allocUnsafeSlow(layout.lengthOf(index))
}
