import type { Digest } from '@shoal/content'
import type { TransferTotals } from './transfer-ledger.ts'

/** Starting until every part is up, then ready, and stopping once told to. */
export type AgentState = 'starting' | 'ready' | 'stopping'

/** A download that goes on. */
export interface DownloadStatus {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Bytes of it that are here. */
  readonly held: number
}

/** What `/api/v1/status` tells. Sizes in bytes. */
export interface AgentStatus {
  readonly version: string
  readonly state: AgentState
  readonly peer: string
  readonly addresses: readonly string[]
  /** Peers with an open connection. */
  readonly peers: readonly string[]
  readonly transfers: TransferTotals
  readonly downloads: readonly DownloadStatus[]
}
