import { type Connection, type PeerId, serviceCapabilities } from '@libp2p/interface'
import { ShoalError } from '@shoal/content'

export interface TableAdmissionComponents {
  readonly connectionManager: { getConnections(peer: PeerId): Connection[] }
}

/**
 * Decides who comes into kad-dht's routing table, in the place of libp2p's ping: kad-dht pings each peer that somebody
 * names, which connected every node with every other. Who is connected is let in, since LinkMonitor sees to it that it
 * lives; whom to connect with, RoutingTableKeeper decides.
 */
export class TableAdmission {
  readonly [serviceCapabilities]: string[] = ['@libp2p/ping']
  readonly #components: TableAdmissionComponents

  constructor(components: TableAdmissionComponents) {
    this.#components = components
  }

  /**
   * Resolves when the peer may come into the table.
   *
   * @throws ShoalError `PEER_NOT_CONNECTED`
   */
  async ping(peer: PeerId): Promise<number> {
    if (this.#components.connectionManager.getConnections(peer).length > 0) return 0
    throw new ShoalError('PEER_NOT_CONNECTED', `${peer} is not connected, and is not dialled for the table`)
  }
}
