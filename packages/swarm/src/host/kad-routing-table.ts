import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'

/**
 * The part of kad-dht's routing table that its types leave out. kad-dht never evicts a dead peer from a table that
 * is not full, nor looks for more peers when it meets its first one; both need these methods.
 */
export interface KadRoutingTable extends EventTarget {
  /** Number of peers in it. */
  readonly size: number
  /** Peers in one bucket, and answers to one query: Kademlia's k. */
  readonly kBucketSize: number
  /** The peers in it that are closest to a {@link kadId}, closest first. */
  closestPeers(kadId: Uint8Array, options?: { count?: number }): PeerId[]
  /** The peer, if it is in the table. */
  find(peer: PeerId): Promise<PeerId | undefined>
  /** Adds a peer once TableAdmission lets it in. */
  queueRoutingTableUpdate(peer: PeerId): void
  remove(peer: PeerId): Promise<void>
}

const methods = ['closestPeers', 'find', 'queueRoutingTableUpdate', 'remove', 'addEventListener'] as const

/** @throws Error when the installed kad-dht has changed underneath */
export function routingTableOf(dht: KadDHT): KadRoutingTable {
  const table = (dht as { routingTable?: Partial<KadRoutingTable> }).routingTable
  for (const method of methods) {
    if (typeof table?.[method] !== 'function') {
      throw new Error(
        `@libp2p/kad-dht has no routingTable.${method}(): check kad-routing-table.ts against its version`,
      )
    }
  }
  return table as KadRoutingTable
}

/**
 * Has kad-dht make no queries of its own to fill the table, which has no option: each would dial all that it hears of,
 * on streams of its own, and give up on those who are busy. To be called before the start.
 */
export function withoutRefresh(dht: KadDHT): void {
  const { routingTableRefresh: refresh } = dht as { routingTableRefresh?: { refreshTable?: () => void } }
  if (typeof refresh?.refreshTable !== 'function') {
    throw new Error(
      '@libp2p/kad-dht has no routingTableRefresh.refreshTable(): check kad-routing-table.ts against its version',
    )
  }
  refresh.refreshTable = () => undefined
}
