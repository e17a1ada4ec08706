import { type Descriptor, digestToCid } from '@shoal/content'
import { ChunkSession, type PeerHolding, type ReceivedChunk } from '../exchange/chunk-session.ts'
import { PeerUnreachableError, type SwarmHost } from '../host/swarm-host.ts'
import type { DownloadEvent } from './download-events.ts'

const connectTimeoutMs = 3_000

export interface PeerSessionsInit {
  readonly descriptor: Descriptor
  readonly registry: string
  /** Whether the download may take what the peer has of the blob. */
  readonly admits: (peer: string, holding: PeerHolding) => Promise<boolean>
  readonly dispatch: (event: DownloadEvent) => void
  readonly onChunk: (peer: string, chunk: ReceivedChunk) => Promise<void>
  readonly onTrouble: (error: Error) => void
}

/** The exchange sessions of one download, by peer. */
export class PeerSessions {
  readonly #host: SwarmHost
  readonly #init: PeerSessionsInit
  readonly #sessions = new Map<string, ChunkSession>()
  readonly #closed = new AbortController()

  constructor(host: SwarmHost, init: PeerSessionsInit) {
    this.#host = host
    this.#init = init
  }

  /** Asks the peer what it has; the answer, or its absence, comes as an event. */
  async connect(peer: string): Promise<void> {
    const { descriptor, registry, dispatch } = this.#init
    const { digest } = descriptor
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(connectTimeoutMs)])
    try {
      const session = await ChunkSession.open(this.#host, peer, { digest, registry }, { signal })
      if (session === undefined || session.holding.size !== descriptor.size || signal.aborted) {
        session?.close()
        if (!signal.aborted) this.#failed(peer, 'empty')
        return dispatch({ type: 'gone', peer })
      }
      if (!(await this.#init.admits(peer, session.holding)) || this.#closed.signal.aborted) {
        session.close()
        return dispatch({ type: 'gone', peer })
      }
      this.#listen(session)
      dispatch({ type: 'connected', peer, held: session.holding.chunks, isFar: session.holding.isFar })
    } catch (error) {
      if (error instanceof PeerUnreachableError) this.#failed(peer, 'unreachable')
      if (!this.#closed.signal.aborted) this.#init.onTrouble(error as Error)
      dispatch({ type: 'gone', peer })
    }
  }

  /** @param sources - how many peers the download loads from */
  request(peer: string, index: number, sources: number): void {
    const session = this.#sessions.get(peer)
    if (session === undefined) return
    session.sources = sources
    session.request(index)
  }

  decline(peer: string): void {
    this.#sessions.get(peer)?.decline()
  }

  cancel(peer: string, index: number): void {
    this.#sessions.get(peer)?.cancel(index)
  }

  disconnect(peer: string): void {
    this.#sessions.get(peer)?.close()
  }

  close(): void {
    this.#closed.abort()
    for (const session of this.#sessions.values()) session.close()
  }

  /** Whoever looks for the blob next is not sent there. */
  #failed(peer: string, failure: 'empty' | 'unreachable'): void {
    this.#host.discovery.failed(digestToCid(this.#init.descriptor.digest), peer, failure)
  }

  #listen(session: ChunkSession): void {
    const { peer } = session
    const { dispatch, onChunk, onTrouble } = this.#init
    this.#sessions.set(peer, session)
    session.start({
      onHave: (indexes) => dispatch({ type: 'has', peer, indexes }),
      onProgress: (bytes) => dispatch({ type: 'progress', peer, bytes }),
      onChunk: (chunk) => onChunk(peer, chunk),
      onBusy: (indexes) => dispatch({ type: 'busy', peer, indexes }),
      onGranted: () => dispatch({ type: 'granted', peer }),
      onRefused: (index) => dispatch({ type: 'refused', peer, index }),
      onEnd: (error) => {
        this.#sessions.delete(peer)
        if (error !== undefined && !this.#closed.signal.aborted) onTrouble(error)
        dispatch({ type: 'gone', peer })
      },
    })
  }
}
