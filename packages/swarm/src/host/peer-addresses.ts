import type { PeerId, PeerStore } from '@libp2p/interface'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { InvalidInputError } from '@shoal/content'

/** A node has one address for each of its interfaces; more than these in one go are not its own. */
const maxAddressesTold = 8
/** Above this, what was known is older than what is told. */
const maxAddressesKept = 16
/** The longest form in use is DNS (253 characters) with a peer id (52). */
const maxAddressCharacters = 400

const hostProtocols = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/**
 * Reads the address of a node: `/ip4/10.0.0.7/tcp/5006`, `/dns4/shoal/tcp/5006`, with or without `/p2p/<id>`.
 *
 * @throws InvalidInputError `ADDRESS_INVALID`
 */
export function parseAddress(text: string): Multiaddr {
  const shown = JSON.stringify(text.slice(0, 160))
  let address: Multiaddr
  try {
    if (text.length > maxAddressCharacters) throw new RangeError('too long')
    address = multiaddr(text)
  } catch (cause) {
    throw invalidAddress(shown, cause)
  }
  const [host, transport, identity, ...rest] = address.getComponents()
  const hasHost = host !== undefined && hostProtocols.has(host.name) && transport?.name === 'tcp'
  const hasIdentity = identity === undefined || identity.code === CODE_P2P
  if (!hasHost || !hasIdentity || rest.length > 0) throw invalidAddress(shown)
  return address
}

/** The peer id at the end of an address, if it has one. */
export function peerIn(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
}

/** Where peers can be reached, as far as they or others said. */
export class PeerAddresses {
  readonly #peerStore: PeerStore

  constructor(peerStore: PeerStore) {
    this.#peerStore = peerStore
  }

  /** Remembers addresses; the malformed, the undialable and those of other peers are left out. */
  async learn(peer: PeerId, told: readonly string[]): Promise<void> {
    const learned = told
      .slice(0, maxAddressesTold)
      .map((text) => dialable(peer, text))
      .filter((address) => address !== undefined)
    if (learned.length === 0) return
    const known = await this.of(peer)
    const isTooMany = new Set([...known, ...learned.map(String)]).size > maxAddressesKept
    if (isTooMany) await this.#peerStore.patch(peer, { multiaddrs: learned })
    else await this.#peerStore.merge(peer, { multiaddrs: learned })
  }

  /** Without `/p2p/<id>`; empty for a stranger. */
  async of(peer: PeerId): Promise<string[]> {
    if (!(await this.#peerStore.has(peer))) return []
    const { addresses } = await this.#peerStore.get(peer)
    return [...new Set(addresses.map(({ multiaddr }) => multiaddr.toString()))]
  }
}

function dialable(peer: PeerId, text: string): Multiaddr | undefined {
  let address: Multiaddr
  try {
    address = parseAddress(text)
  } catch {
    return undefined // A peer told us nonsense: what it says of others is a hint, and this one is of no use.
  }
  const [host, transport] = address.getComponents()
  const isUnspecified = host?.value === '0.0.0.0' || host?.value === '::' || transport?.value === '0'
  const owner = peerIn(address)
  if (isUnspecified || (owner !== undefined && owner !== peer.toString())) return undefined
  return owner === undefined ? address : address.decapsulateCode(CODE_P2P)
}

function invalidAddress(shown: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError(
    'ADDRESS_INVALID',
    `malformed address ${shown}: expected a multiaddr such as /ip4/10.0.0.7/tcp/5006 or /dns4/shoal/tcp/5006`,
    { cause },
  )
}
