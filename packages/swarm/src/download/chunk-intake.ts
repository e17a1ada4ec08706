import { hash } from 'node:crypto'
import { ChunkSet, type PartialBlob, type TransferListener } from '@shoal/content'
import type { VouchedHash } from '../coordination/vouched-hashes.ts'
import type { ReceivedChunk } from '../exchange/chunk-session.ts'
import { ChunkTrust } from './chunk-trust.ts'
import { type DownloadEvent, fromUpstream } from './download-events.ts'

/** Peers may send wrong bytes once more in the place of others; after that nobody is believed. */
const maxRepairs = 3

export interface ChunkIntakeInit {
  readonly partial: PartialBlob
  readonly dispatch: (event: DownloadEvent) => void
  readonly onEvent: TransferListener
  /** Told after the chunk can be read; `hash` only for one that came from upstream. */
  readonly onStored: (index: number, hash?: Uint8Array<ArrayBuffer>) => void
  /** The peer was caught lying about the chunk. */
  readonly onLiar: (peer: string, index: number) => void
}

/** What chunks pass through on their way in: hashed, weighed against what was vouched for, written, announced. */
export class ChunkIntake {
  readonly #init: ChunkIntakeInit
  readonly #trust = new ChunkTrust()
  /** Chunks that upstream itself sent in this run. */
  readonly #fromUpstream: ChunkSet
  #suspects: ReturnType<ChunkTrust['deliveries']> | undefined
  #repairs = 0
  /** Upstream was asked a second time for what it had sent itself. */
  #askedUpstreamAgain = false

  constructor(init: ChunkIntakeInit) {
    this.#init = init
    this.#fromUpstream = new ChunkSet(init.partial.layout.count)
  }

  vouch(hashes: readonly VouchedHash[]): void {
    for (const vouched of hashes) this.#trust.vouch(vouched)
  }

  isHeld(index: number): boolean {
    return this.#init.partial.held.has(index)
  }

  /** Whether upstream itself sent it in this run. */
  isFromUpstream(index: number): boolean {
    return this.#fromUpstream.has(index)
  }

  async fromPeer(peer: string, chunk: ReceivedChunk): Promise<void> {
    const { index, bytes, claimedHash } = chunk
    if (this.isHeld(index)) return
    const actual = sha256(bytes)
    const verdict = this.#trust.judge({ index, peer, actual, claimed: claimedHash })
    if (verdict.type === 'good') return await this.#store(index, bytes, { hash: actual, from: peer })
    this.#init.dispatch({ type: 'distrusted', peer, index, fetchUpstream: verdict.type === 'disputed' })
    if (verdict.type === 'lie') this.#init.onLiar(peer, index)
  }

  async fromUpstream(index: number, bytes: Uint8Array): Promise<void> {
    const actual = sha256(bytes)
    for (const liar of this.#trust.settle(index, actual)) this.#init.onLiar(liar, index)
    if (this.isHeld(index)) return
    this.#fromUpstream.add(index)
    await this.#store(index, bytes, { hash: actual, from: fromUpstream })
  }

  /**
   * The whole is wrong though every chunk had the hash that its sender named: somebody lied consistently. Everything
   * that upstream did not send in this run is dropped, to be fetched again, and not from who sent it. When all came from
   * upstream, all of it is, once: a client would try again too. False when that did not help: then the content can't be had.
   */
  async repair(): Promise<boolean> {
    const { partial, dispatch } = this.#init
    const others = [...partial.held].filter((index) => !this.#fromUpstream.has(index))
    const isUpstreams = others.length === 0
    const wrong = isUpstreams ? [...partial.held] : others
    const suspects = new Map(wrong.map((index) => [index, this.#trust.delivererOf(index)]))
    const isHopeless = ++this.#repairs > maxRepairs || (isUpstreams && this.#askedUpstreamAgain)
    this.#askedUpstreamAgain ||= isUpstreams
    this.#suspects ??= this.#trust.deliveries()
    for (const index of wrong) this.#fromUpstream.delete(index)
    await partial.drop(wrong)
    if (!isHopeless) dispatch({ type: 'dropped', suspects })
    return !isHopeless
  }

  /** After a repair, the verified bytes tell whose were false. */
  nameLiars(): void {
    for (const [index, sent] of this.#suspects ?? []) {
      const truth = this.#init.partial.hashOf(index)
      if (truth !== undefined && !sent.hash.equals(truth)) this.#init.onLiar(sent.peer, index)
    }
  }

  async #store(
    index: number,
    bytes: Uint8Array,
    chunk: { hash: Buffer<ArrayBuffer>; from: string },
  ): Promise<void> {
    const { partial, onEvent, onStored, dispatch } = this.#init
    await partial.write(index, bytes, chunk.hash)
    const { digest } = partial.descriptor
    if (chunk.from === fromUpstream) {
      onEvent({ type: 'received', digest, source: 'upstream', bytes: bytes.length })
      onStored(index, chunk.hash)
    } else {
      onEvent({ type: 'received', digest, source: 'peer', bytes: bytes.length, peer: chunk.from })
      onStored(index)
    }
    dispatch({ type: 'stored', index, from: chunk.from })
  }
}

function sha256(bytes: Uint8Array): Buffer<ArrayBuffer> {
  return hash('sha256', bytes, 'buffer') as Buffer<ArrayBuffer>
}
