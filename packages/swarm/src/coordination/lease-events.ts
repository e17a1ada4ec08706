import type { ChunkRun, ChunkSet } from '@shoal/content'
import type { Introduction } from './introductions.ts'

/** What the coordinator of a blob hears of its members. */
export type LeaseEvent =
  /** `leased`: chunks that the member is fetching already, by the word of another coordinator. */
  | {
      readonly type: 'join'
      readonly member: string
      readonly held: ChunkSet
      readonly zone?: string | undefined
      readonly leased?: readonly ChunkRun[]
    }
  | { readonly type: 'landed'; readonly member: string; readonly index: number }
  /** Bytes of what the member has leased come in, if no whole chunk yet. */
  | { readonly type: 'working'; readonly member: string }
  /** The member would fetch chunks from upstream, until it says that it would not. */
  | { readonly type: 'ask'; readonly member: string; readonly willing: boolean }
  /** `pauseMs`: upstream asked to be left alone for so long. */
  | {
      readonly type: 'release'
      readonly member: string
      readonly indexes: readonly number[]
      readonly pauseMs?: number
    }
  /** Upstream knows no ranges, and sends the whole blob to this member. */
  | { readonly type: 'claim'; readonly member: string }
  | { readonly type: 'leave'; readonly member: string }
  /** Peers that the DHT names as providers: they may have chunks without being members. */
  | { readonly type: 'providers'; readonly peers: readonly string[] }
  /** The look-up of providers ended; leases may flow. */
  | { readonly type: 'settled' }
  | { readonly type: 'tick' }

/** What the lease table wants members told. */
export type LeaseCommand =
  | { readonly type: 'lease'; readonly member: string; readonly runs: ChunkRun[] }
  | { readonly type: 'revoke'; readonly member: string; readonly runs: ChunkRun[] }
  | Introduction
