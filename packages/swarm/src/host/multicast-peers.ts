import { isStartable, type Logger, type PeerDiscovery, type PeerInfo } from '@libp2p/interface'
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type BootstrapSource, multicast } from './bootstrap-source.ts'
import type { HostLogger } from './host-logger.ts'

type AddressManager = MulticastDNSComponents['addressManager']

/** Anybody on the network segment can claim to be a peer: the newest count, and the handshake tells which are ours. */
const maxRemembered = 64
/** Whoever starts asks at once; this is for those whose question was lost. All answer each. */
const intervalMs = 30_000

export interface MulticastComponents {
  /** Our own addresses, with our id. */
  readonly addresses: () => Multiaddr[]
  readonly learn: (peer: string, addresses: readonly string[]) => Promise<void>
  readonly onFound: () => void
  readonly logger: HostLogger
}

/** Peers that answer on the network segment (mDNS, RFC 6762), under a name that only holders of our secret know. */
export class MulticastPeers implements BootstrapSource {
  readonly text = multicast
  readonly #components: MulticastComponents
  readonly #discovery: PeerDiscovery
  readonly #found = new Set<string>()

  constructor(components: MulticastComponents, init: { readonly serviceTag: string }) {
    this.#components = components
    const parts = {
      // Of libp2p's address manager it uses this alone.
      addressManager: { getAddresses: components.addresses } as Partial<AddressManager> as AddressManager,
      logger: { forComponent: () => warningsTo(components.logger) },
    }
    this.#discovery = mdns({ interval: intervalMs, serviceTag: init.serviceTag })(parts)
    this.#discovery.addEventListener('peer', this.#onPeer)
  }

  async start(): Promise<void> {
    if (isStartable(this.#discovery)) await this.#discovery.start()
  }

  async stop(): Promise<void> {
    this.#discovery.removeEventListener('peer', this.#onPeer)
    if (isStartable(this.#discovery)) await this.#discovery.stop()
  }

  async find(): Promise<Multiaddr[]> {
    return [...this.#found].map((peer) => multiaddr(`/p2p/${peer}`))
  }

  readonly #onPeer = ({ detail }: CustomEvent<PeerInfo>): void => {
    const peer = detail.id.toString()
    const { learn, onFound, logger } = this.#components
    learn(peer, detail.multiaddrs.map(String))
      .then(() => {
        this.#remember(peer)
        onFound()
      })
      .catch((error: unknown) => logger.warn({ peer, error }, 'could not note what a peer announced by mDNS'))
  }

  #remember(peer: string): void {
    this.#found.delete(peer)
    this.#found.add(peer)
    const [oldest] = this.#found
    if (this.#found.size > maxRemembered && oldest !== undefined) this.#found.delete(oldest)
  }
}

/** What the library can only log: a port that is taken, a packet that is garbage. */
function warningsTo(logger: HostLogger): Logger {
  const ignore = (): void => undefined
  const error = (what: string, cause?: unknown): void => logger.debug({ error: cause, what }, 'mDNS')
  return Object.assign(ignore, { error, trace: ignore, enabled: false, newScope: () => warningsTo(logger) })
}
