import type { VouchedHash } from '../coordination/vouched-hashes.ts'

/** What a chunk's bytes deserve, seen against what was said of them. */
export type ChunkVerdict =
  | { readonly type: 'good' }
  /** The sender's bytes are not what the sender itself says they are. */
  | { readonly type: 'lie'; readonly peer: string }
  /** The sender and a voucher differ; upstream decides. */
  | { readonly type: 'disputed' }

interface Dispute {
  readonly sender: string
  readonly senderHash: Buffer
  readonly voucher: VouchedHash
}

/**
 * Weighs chunk hashes of one blob. Whoever fetched a chunk from upstream vouches for its hash (told by the
 * coordinator); a peer that sends a chunk says its hash, too. Where they differ, upstream settles who lied.
 */
export class ChunkTrust {
  readonly #vouched = new Map<number, VouchedHash>()
  readonly #disputes = new Map<number, Dispute[]>()
  /** Which peer delivered a chunk that is kept, and its hash. */
  readonly #delivered = new Map<number, { readonly peer: string; readonly hash: Buffer }>()

  vouch(vouched: VouchedHash): void {
    if (vouched.hash.length === 32 && !this.#vouched.has(vouched.index))
      this.#vouched.set(vouched.index, vouched)
  }

  /** Judges a chunk that `peer` sent: `actual` is the hash of its bytes, `claimed` what the peer said. */
  judge(chunk: { index: number; peer: string; actual: Buffer; claimed: Uint8Array }): ChunkVerdict {
    const { index, peer, actual, claimed } = chunk
    if (!actual.equals(claimed)) return { type: 'lie', peer }
    const voucher = this.#vouched.get(index)
    if (voucher !== undefined && !actual.equals(voucher.hash)) {
      const disputes = this.#disputes.get(index) ?? []
      this.#disputes.set(index, [...disputes, { sender: peer, senderHash: actual, voucher }])
      return { type: 'disputed' }
    }
    this.#delivered.set(index, { peer, hash: actual })
    return { type: 'good' }
  }

  /** Upstream's own bytes for a chunk: names the peers whose word about it was false. */
  settle(index: number, truth: Buffer): string[] {
    const liars = new Set<string>()
    for (const { sender, senderHash, voucher } of this.#disputes.get(index) ?? []) {
      if (!truth.equals(senderHash)) liars.add(sender)
      if (!truth.equals(voucher.hash)) liars.add(voucher.voucher)
    }
    const delivered = this.#delivered.get(index)
    if (delivered !== undefined && !truth.equals(delivered.hash)) liars.add(delivered.peer)
    this.#disputes.delete(index)
    this.#delivered.delete(index)
    this.#vouched.delete(index)
    return [...liars]
  }

  delivererOf(index: number): string | undefined {
    return this.#delivered.get(index)?.peer
  }

  /** Who delivered the chunk, with the hash it had: to compare once the whole has verified. */
  deliveries(): ReadonlyMap<number, { readonly peer: string; readonly hash: Buffer }> {
    return new Map(this.#delivered)
  }
}
