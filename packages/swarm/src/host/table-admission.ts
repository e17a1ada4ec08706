import { type AbortOptions, type Connection, type PeerId, serviceCapabilities } from '@libp2p/interface'
import { ShoalError } from '@shoal/content'
import { abortable } from './abortable.ts'
import { Contacts } from './contacts.ts'

export interface TableAdmissionComponents {
  readonly peerId: PeerId
  readonly connectionManager: {
    getConnections(peer: PeerId): Connection[]
    openConnection(peer: PeerId, options: AbortOptions): Promise<Connection>
  }
}

/**
 * Decides who comes into kad-dht's routing table, in the place of libp2p's ping: kad-dht pings each peer that somebody
 * names, which would connect every node with every other at 30 ms of CPU each. A peer that is connected is let in
 * without a ping, since LinkMonitor sees to it that it lives; another is dialled if it is wanted.
 */
export class TableAdmission {
  readonly [serviceCapabilities]: string[] = ['@libp2p/ping']
  /** Those in the table, and those who are being dialled. */
  readonly contacts: Contacts
  readonly #components: TableAdmissionComponents
  readonly #dialTimeoutMs: number

  constructor(components: TableAdmissionComponents, dialTimeoutMs: number) {
    this.#components = components
    this.#dialTimeoutMs = dialTimeoutMs
    this.contacts = new Contacts(components.peerId.toString())
  }

  /**
   * Resolves when the peer may come into the table. A dial goes on when the signal is aborted: kad-dht is impatient, and
   * a connection that was half made would have cost as much.
   *
   * @throws ShoalError `PEER_NOT_WANTED`, the dial's error, or the signal's reason
   */
  async ping(peer: PeerId, { signal }: AbortOptions = {}): Promise<number> {
    const { connectionManager } = this.#components
    const name = peer.toString()
    if (connectionManager.getConnections(peer).length > 0) {
      this.contacts.add(name)
      return 0
    }
    if (!this.contacts.isWanted(name)) throw new ShoalError('PEER_NOT_WANTED', `${name} is one too many`)
    this.contacts.add(name)
    try {
      const deadline = AbortSignal.timeout(this.#dialTimeoutMs)
      await abortable(connectionManager.openConnection(peer, { signal: deadline }), signal)
      return 0
    } catch (error) {
      this.contacts.remove(name)
      throw error
    }
  }
}
