import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { type AbortOptions, InvalidInputError } from '@shoal/content'
import * as multihash from 'multiformats/hashes/digest'
import type { MessageStream } from '../host/message-stream.ts'
import { KadMessage, type KadPeerInfo } from '../wire/kad.ts'
import { PeerLine } from './peer-line.ts'

/** kad-dht's protocol under our own name: nodes of other clusters and of IPFS do not speak it. */
export const kadProtocol = '/shoal/kad/1.0.0'
/** An answer names every provider, in a cluster of a thousand nodes 100 KiB of them. */
const maxAnswerBytes = 512 * 1024
/** Peers of one answer that are looked at: k closer ones, or more providers than anybody asks for. */
const maxPeersTaken = 64

export interface KadPeer {
  readonly peer: string
  readonly addresses: readonly string[]
}

export interface KadAnswer {
  readonly providers: readonly KadPeer[]
  readonly closer: readonly KadPeer[]
}

export type OpenStream = (
  peer: string,
  protocol: string,
  options: AbortOptions & { maxMessageBytes: number },
) => Promise<MessageStream>

/**
 * Asks kad-dht on other nodes. Its own client opens a stream for each message, 4 ms of CPU for both ends; here a stream
 * is kept for a few seconds, and each further message costs a tenth of that.
 */
export class KadClient {
  readonly #open: OpenStream
  readonly #lines = new Map<string, PeerLine>()
  #messagesSent = 0

  constructor(open: OpenStream) {
    this.#open = open
  }

  /** Messages about providers that were sent so far: questions and announcements, two each. */
  get messagesSent(): number {
    return this.#messagesSent
  }

  /**
   * Who is close to a key.
   *
   * @throws PeerUnreachableError, StreamClosedError, InvalidInputError, or the signal's reason
   */
  findNode(peer: string, key: Uint8Array, options: AbortOptions): Promise<KadAnswer> {
    return this.#request(peer, [encode(KadMessage.Type.FIND_NODE, key)], options)
  }

  /** Who provides what a key stands for, and who is close to it. Throws as {@link findNode}. */
  getProviders(peer: string, key: Uint8Array, options: AbortOptions): Promise<KadAnswer> {
    this.#messagesSent++
    return this.#request(peer, [encode(KadMessage.Type.GET_PROVIDERS, key)], options)
  }

  /**
   * Has a peer keep a record that names us. It does not answer that; so it is also asked who is close to the key, which
   * it answers once the record is kept. Throws as {@link findNode}.
   */
  addProvider(peer: string, key: Uint8Array, provider: KadPeer, options: AbortOptions): Promise<KadAnswer> {
    this.#messagesSent += 2
    const record = encode(KadMessage.Type.ADD_PROVIDER, key, [provider])
    return this.#request(peer, [record, encode(KadMessage.Type.FIND_NODE, key)], options)
  }

  stop(): void {
    for (const line of this.#lines.values()) line.stop()
    this.#lines.clear()
  }

  async #request(peer: string, messages: Uint8Array[], options: AbortOptions): Promise<KadAnswer> {
    return decodeAnswer(await this.#lineTo(peer).request(messages, options))
  }

  #lineTo(peer: string): PeerLine {
    const known = this.#lines.get(peer)
    if (known !== undefined) return known
    const line = new PeerLine({
      open: (options) => this.#open(peer, kadProtocol, { ...options, maxMessageBytes: maxAnswerBytes }),
      onIdle: () => {
        if (this.#lines.get(peer) === line) this.#lines.delete(peer)
      },
    })
    this.#lines.set(peer, line)
    return line
  }
}

function encode(type: KadMessage.Type, key: Uint8Array, providers: readonly KadPeer[] = []): Uint8Array {
  return KadMessage.encode({
    type,
    key: Uint8Array.from(key),
    closer: [],
    providers: providers.map(encodePeer),
  })
}

function encodePeer({ peer, addresses }: KadPeer): KadPeerInfo {
  return {
    id: Uint8Array.from(peerIdFromString(peer).toMultihash().bytes),
    multiaddrs: addresses.map((address) => Uint8Array.from(multiaddr(address).bytes)),
  }
}

function decodeAnswer(bytes: Uint8Array): KadAnswer {
  try {
    const { providers, closer } = KadMessage.decode(bytes)
    return { providers: decodePeers(providers), closer: decodePeers(closer) }
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed DHT message', { cause })
  }
}

function decodePeers(infos: readonly KadPeerInfo[]): KadPeer[] {
  return infos.slice(0, maxPeersTaken).map(({ id, multiaddrs }) => ({
    peer: peerIdFromMultihash(multihash.decode(id)).toString(),
    addresses: multiaddrs.map((bytes) => multiaddr(bytes).toString()),
  }))
}
