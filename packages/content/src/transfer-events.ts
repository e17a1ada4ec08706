import type { Digest } from './digest.ts'

/** Where bytes came from. */
export type ByteSource = 'upstream' | 'peer' | 'cache'

/** What happens to content, told as it happens: the agent logs, counts and shows it. */
export type TransferEvent =
  /** `source` upstream or peer: a chunk was stored. cache: bytes of a blob that was complete were served to a client. */
  | {
      readonly type: 'received'
      readonly digest: Digest
      readonly source: ByteSource
      readonly bytes: number
      readonly peer?: string
    }
  | { readonly type: 'served'; readonly digest: Digest; readonly bytes: number; readonly peer: string }
  | { readonly type: 'completed'; readonly digest: Digest; readonly size: number; readonly seconds: number }
  | { readonly type: 'failed'; readonly digest: Digest; readonly reason: string }
  /** A peer sent bytes that do not have the hash vouched for. It is banned. */
  | { readonly type: 'peer-lied'; readonly digest: Digest; readonly peer: string; readonly chunk: number }
  /** A peer stopped delivering and was left. */
  | { readonly type: 'peer-stalled'; readonly digest: Digest; readonly peer: string }

export type TransferListener = (event: TransferEvent) => void
