import type { ConnectionGater, PeerId } from '@libp2p/interface'

/** Keeps banned peers out, for as long as their ban lasts. */
export class ConnectionGate {
  readonly #now: () => number
  /** When each ban ends, in milliseconds. */
  readonly #bans = new Map<string, number>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  ban(peer: string, durationMs: number): void {
    for (const [banned, until] of this.#bans) if (until <= this.#now()) this.#bans.delete(banned)
    this.#bans.set(peer, Math.max(this.#now() + durationMs, this.#bans.get(peer) ?? 0))
  }

  isBanned(peer: string): boolean {
    return (this.#bans.get(peer) ?? 0) > this.#now()
  }

  /** A peer's id is proven only once the connection is encrypted; a dial can be refused before. */
  asGater(): ConnectionGater {
    const isDenied = async (peer: PeerId): Promise<boolean> => this.isBanned(peer.toString())
    return {
      denyDialPeer: isDenied,
      denyInboundEncryptedConnection: isDenied,
      denyOutboundEncryptedConnection: isDenied,
    }
  }
}
