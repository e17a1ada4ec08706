import type { AbortOptions, ByteRange, ContentAddress } from '@shoal/content'
import type { PeerHolding } from '../exchange/chunk-session.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import { wantedBlob } from '../wanted-blob.ts'
import type { ContentProofs } from './content-proofs.ts'
import { readFromPeer } from './peer-bytes.ts'

export interface PeerAdmissionInit {
  readonly host: SwarmHost
  readonly proofs: ContentProofs
  readonly address: ContentAddress
  /** Of the blob, in bytes. */
  readonly size: number
  /** Its registry has the blob: then it does not matter from whom it comes. */
  readonly isProven: boolean
}

/** From which peers a download may load. */
export class PeerAdmission {
  readonly #init: PeerAdmissionInit
  #isProven: boolean

  constructor(init: PeerAdmissionInit) {
    this.#init = init
    this.#isProven = init.isProven
  }

  /** What a peer has by way of another registry is of use once ours has proved that it has the same. */
  async admits(peer: string, holding: PeerHolding): Promise<boolean> {
    if (holding.isOfRegistry || this.#isProven) return true
    if (!holding.chunks.isComplete) return false
    const { host, proofs, address, size } = this.#init
    const about = { host, peer, wanted: wantedBlob(address), size }
    const read = (range: ByteRange, options: AbortOptions) => readFromPeer(about, range, options)
    this.#isProven ||= await proofs.prove(address, { size, isVerified: false, read })
    return this.#isProven
  }
}
