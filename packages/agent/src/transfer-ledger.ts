import type { ByteSource, Digest, TransferEvent } from '@shoal/content'
import type { Logger } from './logging.ts'

/** Bytes moved since the agent started. */
export interface TransferTotals {
  readonly fromUpstream: number
  readonly fromPeers: number
  /** Of complete blobs, to clients of this node. */
  readonly fromCache: number
  readonly servedToPeers: number
}

interface Sources {
  upstream: number
  peer: number
}

/** Downloads that never end otherwise leave their tally here; the oldest give way. */
const maxTallies = 10_000

/** Keeps the books on what was moved, and writes the log's lines about it. */
export class TransferLedger {
  readonly #received: Record<ByteSource, number> = { upstream: 0, peer: 0, cache: 0 }
  readonly #tallies = new Map<Digest, Sources>()
  readonly #log: Logger
  #servedToPeers = 0

  constructor(log: Logger) {
    this.#log = log
  }

  get totals(): TransferTotals {
    const { upstream, peer, cache } = this.#received
    return { fromUpstream: upstream, fromPeers: peer, fromCache: cache, servedToPeers: this.#servedToPeers }
  }

  record(event: TransferEvent): void {
    switch (event.type) {
      case 'received':
        this.#received[event.source] += event.bytes
        if (event.source !== 'cache') this.#tally(event.digest)[event.source] += event.bytes
        return this.#log.trace(fieldsOf(event), 'bytes received')
      case 'served':
        this.#servedToPeers += event.bytes
        return this.#log.trace(fieldsOf(event), 'bytes served')
      case 'completed': {
        const { upstream, peer } = this.#settle(event.digest)
        const fields = { ...fieldsOf(event), fromUpstream: upstream, fromPeers: peer }
        return this.#log.info(fields, 'pull completed')
      }
      case 'failed':
        this.#settle(event.digest)
        return this.#log.warn(fieldsOf(event), 'pull failed')
      case 'peer-lied':
        return this.#log.warn(fieldsOf(event), 'peer sent wrong bytes and was banned')
      case 'peer-stalled':
        return this.#log.warn(fieldsOf(event), 'peer stopped delivering and was left')
    }
  }

  #tally(digest: Digest): Sources {
    let tally = this.#tallies.get(digest)
    if (tally === undefined) {
      if (this.#tallies.size >= maxTallies) this.#settle(this.#tallies.keys().next().value as Digest)
      tally = { upstream: 0, peer: 0 }
      this.#tallies.set(digest, tally)
    }
    return tally
  }

  #settle(digest: Digest): Sources {
    const tally = this.#tallies.get(digest) ?? { upstream: 0, peer: 0 }
    this.#tallies.delete(digest)
    return tally
  }
}

function fieldsOf({ type: _, ...fields }: TransferEvent): object {
  return fields
}
