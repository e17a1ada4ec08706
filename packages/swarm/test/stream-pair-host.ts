import { streamPair } from '@libp2p/utils'
import type { Discovery } from '../dist/discovery/discovery.js'
import type { MessageStream as MessageStreamType } from '../dist/host/message-stream.js'
import { MessageStream } from '../dist/host/message-stream.js'
import type { OpenOptions, PeerListener, StreamHandler, SwarmHost } from '../dist/host/swarm-host.js'

/** Two hosts' worth of streams without a network: what `open` opens, the handler of the same protocol gets. */
export class StreamPairHost implements SwarmHost {
  readonly peer = 'self'
  readonly zone: string = ''
  readonly handled: Promise<void>[] = []
  readonly discovery: Discovery = {
    messagesSent: 0,
    provide: () => undefined,
    withdraw: () => undefined,
    find: async function* () {},
    failed: () => undefined,
  }
  readonly #handlers = new Map<string, { handler: StreamHandler; maxMessageBytes?: number | undefined }>()

  async open(peer: string, protocol: string, options: OpenOptions = {}): Promise<MessageStreamType> {
    const served = this.#handlers.get(protocol)
    if (served === undefined) throw new Error(`nobody handles ${protocol}`)
    const [near, far] = await streamPair()
    const stream = new MessageStream(far, { peer: this.peer, maxMessageBytes: served.maxMessageBytes })
    this.handled.push(served.handler(stream).catch((error: Error) => stream.abort(error)))
    return new MessageStream(near, { peer, maxMessageBytes: options.maxMessageBytes })
  }

  async handle(
    protocol: string,
    handler: StreamHandler,
    options?: { maxMessageBytes?: number | undefined },
  ): Promise<void> {
    this.#handlers.set(protocol, { handler, maxMessageBytes: options?.maxMessageBytes })
  }

  addresses(): string[] {
    return ['/ip4/127.0.0.1/tcp/1']
  }
  get isAlone(): boolean {
    return false
  }
  connectedPeers(): string[] {
    return []
  }
  estimatedPeers(): number {
    return this.routablePeers()
  }

  routablePeers(): number {
    return 0
  }
  async learnAddresses(): Promise<void> {}
  async addressesOf(): Promise<string[]> {
    return []
  }
  async closestPeers(): Promise<string[]> {
    return [this.peer]
  }
  onPeerRoutable(_listener: PeerListener): () => void {
    return () => undefined
  }
  onPeerConnected(): () => void {
    return () => undefined
  }
  onPeerDisconnected(): () => void {
    return () => undefined
  }
  async ban(): Promise<void> {}
  async stop(): Promise<void> {}
}
