import { InvalidInputError } from '@shoal/content'
import type { HostLogger } from '../host/host-logger.ts'
import type { MessageStream } from '../host/message-stream.ts'
import type { OpenOptions } from '../host/swarm-host.ts'
import { Withdrawal } from '../wire/withdrawal.ts'
import type { ProviderRecords } from './provider-records.ts'

/** Carries what its sender has no more; wire/withdrawal.proto says how. */
export const withdrawProtocol = '/shoal/withdraw/1.0.0'
/** One flush has one; a second may begin while the first is closing. */
export const maxWithdrawStreamsPerPeer = 4
/** An eviction frees space for one blob and removes a few: they travel together. */
const gatherMs = 100
const keysPerMessage = 1_000
/** A message's worth, 36 bytes each, and as many messages as the evictions of a minute fill. */
const maxMessagesPerStream = 64
/** What is not told by then is found out by whoever asks. */
const sendTimeoutMs = 3_000
const parallelSends = 4

export interface WithdrawalsComponents {
  readonly open: (peer: string, protocol: string, options: OpenOptions) => Promise<MessageStream>
  readonly records: ProviderRecords
  readonly logger: HostLogger
}

/** Tells those who keep our records that we have something no more, and believes others who say so of themselves. */
export class Withdrawals {
  readonly #components: WithdrawalsComponents
  readonly #stopping = new AbortController()
  /** What is still to be told, by keeper: keys with their text. */
  readonly #unsent = new Map<string, Map<string, Uint8Array>>()
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(components: WithdrawalsComponents) {
    this.#components = components
  }

  /** In the background. */
  tell(keepers: readonly string[], name: string, key: Uint8Array): void {
    if (this.#stopping.signal.aborted) return
    for (const keeper of keepers) {
      const keys = this.#unsent.get(keeper) ?? new Map<string, Uint8Array>()
      this.#unsent.set(keeper, keys.set(name, key))
    }
    this.#timer ??= setTimeout(() => this.#flush(), gatherMs).unref()
  }

  /** Takes back what was not told yet, and waits until nothing is under way that could undo a new announcement. */
  async cancel(name: string): Promise<void> {
    for (const keys of this.#unsent.values()) keys.delete(name)
    await this.#sending
  }

  /** Serves the protocol: removes the sender's own records, and nobody else's. */
  async serve(stream: MessageStream): Promise<void> {
    const { records } = this.#components
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(sendTimeoutMs)])
    for (let count = 0; count < maxMessagesPerStream; count++) {
      const message = await stream.read({ signal })
      if (message === undefined) return stream.close({ signal })
      for (const key of decode(message)) await records.remove(key, stream.peer)
    }
    throw new InvalidInputError('PROTOCOL', `${stream.peer} withdraws more at once than anybody can have`)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#stopping.abort()
    this.#unsent.clear()
  }

  #flush(): void {
    this.#timer = undefined
    const unsent = [...this.#unsent]
    this.#unsent.clear()
    const sendAll = async (): Promise<void> => {
      for (let next = unsent.pop(); next !== undefined; next = unsent.pop()) await this.#send(...next)
    }
    this.#sending = this.#sending
      .then(() => Promise.all(Array.from({ length: parallelSends }, sendAll)))
      .then(() => undefined)
  }

  async #send(peer: string, keys: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (keys.size === 0) return
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(sendTimeoutMs)])
    let stream: MessageStream | undefined
    try {
      stream = await this.#components.open(peer, withdrawProtocol, { signal })
      const all = [...keys.values()].map((key) => Uint8Array.from(key))
      for (let start = 0; start < all.length; start += keysPerMessage) {
        await stream.send(Withdrawal.encode({ keys: all.slice(start, start + keysPerMessage) }), { signal })
      }
      await stream.close({ signal })
    } catch (error) {
      stream?.abort(error as Error)
      this.#components.logger.debug({ peer, keys: keys.size, error }, 'could not withdraw announcements')
    }
  }
}

function decode(message: Uint8Array): Uint8Array[] {
  try {
    return Withdrawal.decode(message).keys
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed withdrawal', { cause })
  }
}
