import type { ChunkRun, ChunkSet } from '@shoal/content'
import type { FarShare } from '../zones.ts'

/** What a download's planner is told. */
export type DownloadEvent =
  /** Peers that may have the blob, from the coordinator or the DHT. */
  | {
      readonly type: 'found'
      readonly peers: readonly string[]
      /** Those who named them say that they have all of it. @default false */
      readonly complete?: boolean
    }
  /** What this node is to bring in from other zones. */
  | { readonly type: 'shared'; readonly farShare: FarShare }
  /** The search for peers ended. */
  | { readonly type: 'searched' }
  /** `isFar`: the peer is in another zone. */
  | {
      readonly type: 'connected'
      readonly peer: string
      readonly held: ChunkSet
      readonly isFar?: boolean
    }
  | { readonly type: 'has'; readonly peer: string; readonly indexes: readonly number[] }
  /** Bytes of a requested chunk came in. */
  | { readonly type: 'progress'; readonly peer: string; readonly bytes: number }
  /** The session with the peer ended, or never began. */
  | { readonly type: 'gone'; readonly peer: string }
  | { readonly type: 'refused'; readonly peer: string; readonly index: number }
  /** The peer's slots are taken: we wait in line for one. What was wanted does not come. */
  | { readonly type: 'busy'; readonly peer: string; readonly indexes: readonly number[] }
  /** The peer has a slot for us now: one chunk may be asked for. */
  | { readonly type: 'granted'; readonly peer: string }
  /** A verified chunk was written. */
  | { readonly type: 'stored'; readonly index: number; readonly from: string | typeof fromUpstream }
  /** What a peer sent for the chunk can't be trusted: it is not to come from that peer. */
  | {
      readonly type: 'distrusted'
      readonly peer: string
      readonly index: number
      readonly fetchUpstream: boolean
    }
  /** The coordinator granted chunks, or takes them back. */
  | { readonly type: 'leased'; readonly runs: readonly ChunkRun[] }
  | { readonly type: 'revoked'; readonly runs: readonly ChunkRun[] }
  | { readonly type: 'coordinated'; readonly connected: boolean }
  /** An upstream fetch ended; without `failed` all its chunks were stored. */
  | { readonly type: 'upstream-ended'; readonly run: ChunkRun; readonly failed?: UpstreamFailure }
  /** Upstream does not know ranges: the answer to this request is the whole blob. */
  | { readonly type: 'upstream-whole'; readonly run: ChunkRun }
  /** Chunks that the whole's digest proved wrong, or may have: fetched again, not from who sent them. */
  | { readonly type: 'dropped'; readonly suspects: ReadonlyMap<number, string | undefined> }
  /** The first chunk that a client waits for. */
  | { readonly type: 'reading'; readonly index: number }
  | { readonly type: 'tick' }

export interface UpstreamFailure {
  /** Asking again is useless: the origin does not have it, or does not let us. */
  readonly final: boolean
  readonly reason: string
  /** How long upstream asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined
}

/** What a download's planner wants done. */
export type DownloadCommand =
  | { readonly type: 'connect'; readonly peer: string }
  | { readonly type: 'disconnect'; readonly peer: string; readonly reason: 'stalled' | 'slow' }
  | { readonly type: 'request'; readonly peer: string; readonly index: number }
  | { readonly type: 'cancel'; readonly peer: string; readonly index: number }
  /** Leave the peer's slot to others. */
  | { readonly type: 'decline'; readonly peer: string }
  /** Tell the coordinator whether we would fetch chunks from upstream. */
  | { readonly type: 'ask'; readonly willing: boolean }
  /** Give leased chunks back; `pauseMs` for how long upstream asked to be left alone. */
  | { readonly type: 'release'; readonly indexes: readonly number[]; readonly pauseMs?: number }
  /** Tell the coordinator that all of the blob is coming to us: upstream sends nothing less. */
  | { readonly type: 'claim' }
  | { readonly type: 'fetch'; readonly run: ChunkRun }
  /** End this fetch: none of its chunks is needed from it any more. */
  | { readonly type: 'cut'; readonly run: ChunkRun }
  /** Look for peers beyond those that the coordinator named, and say when that has been done. */
  | { readonly type: 'search' }
  | { readonly type: 'finish' }
  | { readonly type: 'fail'; readonly reason: string }

export const noCommands: readonly DownloadCommand[] = []

export const fromUpstream = 'upstream'
