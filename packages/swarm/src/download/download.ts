import {
  type BlobStore,
  type ChunkSource,
  type ContentAddress,
  ContentUnavailableError,
  type Descriptor,
  DigestMismatchError,
  digestToCid,
  type MetadataStore,
  type Origin,
  type PartialBlob,
  StoreError,
  type TransferListener,
} from '@shoal/content'
import type { Coordinator } from '../coordination/coordinator.ts'
import { CoordinatorLink } from '../coordination/coordinator-link.ts'
import type { ServedBlob } from '../exchange/served-blob.ts'
import { AttentiveClock } from '../host/attentive-clock.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import { type WantedBlob, wantedBlob } from '../wanted-blob.ts'
import { announceDelayMs } from './announce-delay.ts'
import { ArrivingBlob } from './arriving-blob.ts'
import { ChunkIntake } from './chunk-intake.ts'
import type { ContentProofs } from './content-proofs.ts'
import type { DownloadCommand, DownloadEvent } from './download-events.ts'
import { IncomingChunks } from './incoming-chunks.ts'
import { takeOver } from './left-partial.ts'
import { isPassedThrough } from './pass-through.ts'
import { PeerAdmission } from './peer-admission.ts'
import { PeerSessions } from './peer-sessions.ts'
import { DownloadPlanner } from './planner.ts'
import { UpstreamFetches } from './upstream-fetches.ts'

const tickMs = 250
const providersAsked = 20
/** When nobody is named who has the blob, so many of the connected peers are asked. */
export const connectedPeersAsked = 32
/** How long a peer that lied is kept out. */
const banMs = 10 * 60_000
/** A finished node stays a member so long, so that the coordinator can send late comers to it. */
const lingerMs = 30_000

export interface DownloadComponents {
  readonly host: SwarmHost
  readonly coordinator: Coordinator
  readonly blobs: BlobStore
  readonly origin: Origin
  readonly onEvent: TransferListener
  readonly metadata: MetadataStore
  readonly proofs: ContentProofs
  /** Faults that the download gets over by itself. */
  readonly onTrouble: (error: Error) => void
}

export interface DownloadInit {
  readonly descriptor: Descriptor
  readonly address: ContentAddress
}

/** A client that reads from a download. */
export interface DownloadReader extends Disposable {
  waitsFor(index: number): void
}

/**
 * Fills one blob on this node: carries out what {@link DownloadPlanner} decides, and tells those who read from it as
 * chunks land. Goes on whoever asked for it has left. All of it comes by way of one registry: from there, or from peers
 * that have it from there; from others once that registry has proved that it has the blob.
 */
export class Download {
  readonly descriptor: Descriptor
  /** What upstream is sending. */
  readonly incoming = new IncomingChunks()
  readonly #components: DownloadComponents
  readonly #address: ContentAddress
  readonly #partial: PartialBlob
  readonly #blob: ArrivingBlob
  readonly #planner: DownloadPlanner
  readonly #intake: ChunkIntake
  readonly #sessions: PeerSessions
  readonly #link: CoordinatorLink
  readonly #fetches: UpstreamFetches
  readonly #ended = new AbortController()
  readonly #done = Promise.withResolvers<void>()
  readonly #verified = Promise.withResolvers<void>()
  readonly #work = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  readonly #clock = new AttentiveClock({ intervalMs: tickMs })
  readonly #startedAt = performance.now()
  #linger: NodeJS.Timeout | undefined
  #announcing: NodeJS.Timeout | undefined
  #reads = 0

  /** @throws StoreError when the blob can't be written here */
  static async start(components: DownloadComponents, init: DownloadInit): Promise<Download> {
    const wanted = wantedBlob(init.address)
    const isProven = await components.proofs.isProven(wanted)
    const partial = await components.blobs.openPartial(init.descriptor)
    try {
      await takeOver(partial, { address: init.address, isProven, ...components })
    } catch (error) {
      await partial.close()
      throw error
    }
    return new Download(components, { ...init, isProven }, partial)
  }

  private constructor(
    components: DownloadComponents,
    init: DownloadInit & { readonly isProven: boolean },
    partial: PartialBlob,
  ) {
    this.#address = init.address
    this.descriptor = init.descriptor
    this.#components = components
    this.#partial = partial
    this.#blob = new ArrivingBlob(partial)
    const dispatch = (event: DownloadEvent) => this.#dispatch(event)
    const { onTrouble } = components
    this.#planner = new DownloadPlanner({
      self: components.host.peer,
      layout: partial.layout,
      held: partial.held.clone(),
      random: Math.random,
      now: this.#clock.now(),
    })
    this.#intake = new ChunkIntake({
      partial,
      dispatch,
      onEvent: components.onEvent,
      onStored: (index, hash) => this.#onStored(index, hash),
      onLiar: (peer, index) => this.#ban(peer, index),
    })
    const { size } = init.descriptor
    const admission = new PeerAdmission({ ...components, ...init, size })
    this.#sessions = new PeerSessions(components.host, {
      descriptor: init.descriptor,
      registry: this.registry,
      admits: (peer, holding) => admission.admits(peer, holding),
      dispatch,
      onChunk: (peer, chunk) => this.#orEnd(this.#intake.fromPeer(peer, chunk)),
      onTrouble,
    })
    this.#fetches = new UpstreamFetches({
      origin: components.origin,
      address: init.address,
      layout: partial.layout,
      incoming: this.incoming,
      isWanted: (index) => this.#planner.isFetching(index),
      dispatch,
      onBytes: () => this.#link.working(),
      onChunk: (index, bytes) => this.#orEnd(this.#intake.fromUpstream(index, bytes)),
      onTrouble,
      signal: this.#ended.signal,
    })
    this.#link = new CoordinatorLink(components, {
      wanted: this.#wanted,
      size,
      held: () => this.source.held.clone(),
      leased: () => this.#planner.outstanding(),
      events: {
        onConnected: (connected) => dispatch({ type: 'coordinated', connected }),
        onFarShare: (farShare) => dispatch({ type: 'shared', farShare }),
        onNeighbours: (peers, complete) => dispatch({ type: 'found', peers, complete }),
        onLeased: (runs) => dispatch({ type: 'leased', runs }),
        onRevoked: (runs) => dispatch({ type: 'revoked', runs }),
        onVouched: (hashes) => this.#intake.vouch(hashes),
        onTrouble,
      },
    })
    this.#timer = setInterval(() => this.#tick(), tickMs)
    // Whoever waits for it sees the failure; unheard, it must not end the process.
    this.done.catch(onTrouble)
    this.#link.start()
    this.#tick()
  }

  /** Settles when the blob is complete and verified, or can't be had. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** Settles when the digest has proved right, which clients wait for, and not for the disk; or when it can't be had. */
  get verified(): Promise<void> {
    return Promise.race([this.#verified.promise, this.done])
  }

  /** Resolves when its files are closed, and another download of the blob may begin. */
  get closed(): Promise<void> {
    return this.#blob.closed
  }

  /** By way of which all of it comes. */
  get registry(): string {
    return this.#wanted.registry
  }

  get source(): ChunkSource {
    return this.#blob.source
  }

  /** Bytes that are here. */
  get heldBytes(): number {
    const { held, layout } = this.source
    return Math.min(layout.size, held.size * layout.chunkLength)
  }

  /** For one read: the chunk that it waits for, and the next, are fetched before others, until it is disposed of. */
  newReader(): DownloadReader {
    const reader = this.#reads++
    return {
      waitsFor: (index) => this.#dispatch({ type: 'reading', reader, index }),
      [Symbol.dispose]: () => this.#dispatch({ type: 'left', reader }),
    }
  }

  /** Whether upstream itself sent the chunk in this run. */
  isFromUpstream(index: number): boolean {
    return this.#intake.isFromUpstream(index)
  }

  /**
   * Lets a peer's upload or a client read from the download; its files stay open until all have let go. Undefined when
   * they are closed already: what came of it is in the store.
   */
  serve({ isOfRegistry }: Pick<ServedBlob, 'isOfRegistry'>): ServedBlob | undefined {
    const isHeldBy = (peer: string, index: number) => this.#planner.peerHolds(peer, index)
    return this.#blob.serve({ isHeldBy, isOfRegistry })
  }

  /** Ends the download (what is here stays for later), and waits for all that it started. */
  async stop(): Promise<void> {
    this.#end(new ContentUnavailableError(this.descriptor.digest, 'this node is stopping'))
    clearTimeout(this.#linger)
    clearTimeout(this.#announcing)
    this.#blob.fail()
    await this.#link.stop()
    await Promise.all(this.#work)
    await this.#blob.close()
  }

  #tick(): void {
    this.#clock.tick()
    this.#dispatch({ type: 'tick' })
  }

  #dispatch(event: DownloadEvent): void {
    if (this.#ended.signal.aborted) return
    for (const command of this.#planner.step(event, this.#clock.now())) this.#carryOut(command)
  }

  #carryOut(command: DownloadCommand): void {
    switch (command.type) {
      case 'connect':
        return this.#run(this.#sessions.connect(command.peer))
      case 'disconnect':
        this.#components.onEvent({ type: 'peer-stalled', digest: this.descriptor.digest, peer: command.peer })
        return this.#sessions.disconnect(command.peer)
      case 'request':
        return this.#sessions.request(command.peer, command.index, this.#planner.sources)
      case 'cancel':
        return this.#sessions.cancel(command.peer, command.index)
      case 'decline':
        return this.#sessions.decline(command.peer)
      case 'ask':
        return this.#link.ask(command.willing)
      case 'want':
        return this.#link.want(command.indexes)
      case 'release':
        return this.#link.release(command.indexes, command.pauseMs)
      case 'claim':
        return this.#link.claim()
      case 'fetch':
        return this.#run(this.#fetches.fetch(command.run))
      case 'cut':
        return this.#fetches.cut(command.run)
      case 'search':
        return this.#run(this.#search())
      case 'finish':
        return this.#run(this.#orEnd(this.#finish()))
      case 'fail':
        return this.#end(
          new ContentUnavailableError(this.descriptor.digest, command.reason, {
            cause: this.#fetches.lastError,
          }),
        )
    }
  }

  get #wanted(): WantedBlob {
    return wantedBlob(this.#address)
  }

  async #search(): Promise<void> {
    const { host } = this.#components
    this.#dispatch({ type: 'found', peers: host.connectedPeers().slice(0, connectedPeersAsked) })
    const options = { signal: this.#ended.signal, limit: providersAsked }
    for await (const peer of host.discovery.find(digestToCid(this.descriptor.digest), options)) {
      this.#dispatch({ type: 'found', peers: [peer] })
    }
    this.#dispatch({ type: 'searched' })
  }

  async #finish(): Promise<void> {
    const { digest, size } = this.descriptor
    try {
      await this.#partial.complete({ signal: this.#ended.signal, onVerified: () => this.#onVerified() })
    } catch (error) {
      if (error instanceof DigestMismatchError && (await this.#intake.repair())) return
      throw error
    }
    await this.#components.proofs.record(this.#wanted)
    this.#blob.complete(await this.#components.blobs.open(digest))
    const seconds = (performance.now() - this.#startedAt) / 1000
    this.#components.onEvent({ type: 'completed', digest, size, seconds })
    this.#end()
  }

  /** Liars are named before clients have their last bytes. */
  #onVerified(): void {
    this.#intake.nameLiars()
    this.#verified.resolve()
  }

  #onStored(index: number, hash: Uint8Array<ArrayBuffer> | undefined): void {
    if (this.#announcing === undefined) {
      const inMs = announceDelayMs(this.#components.host.estimatedPeers(), Math.random())
      this.#announcing = setTimeout(() => this.#announce(), inMs).unref()
    }
    this.#blob.landed(index)
    this.#link.landed(index, hash)
  }

  /** In the DHT; a blob that is still arriving too. */
  #announce(): void {
    if (this.#blob.hasFailed) return
    this.#components.host.discovery.provide(digestToCid(this.descriptor.digest))
  }

  #ban(peer: string, chunk: number): void {
    const { host, onEvent } = this.#components
    if (peer === host.peer) return
    onEvent({ type: 'peer-lied', digest: this.descriptor.digest, peer, chunk })
    this.#sessions.disconnect(peer)
    this.#run(host.ban(peer, banMs))
  }

  /** What the store can't do ends the download; those who read from it go on upstream. */
  async #orEnd(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (error instanceof StoreError || error instanceof DigestMismatchError) this.#end(error)
      throw error
    }
  }

  #run(work: Promise<void>): void {
    const tracked = work.catch((error: Error) => this.#components.onTrouble(error))
    this.#work.add(tracked)
    tracked.finally(() => this.#work.delete(tracked))
  }

  #end(error?: Error): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort()
    clearInterval(this.#timer)
    this.#sessions.close()
    if (error === undefined) {
      this.#done.resolve()
      this.#linger = setTimeout(() => this.#run(this.#link.stop()), lingerMs).unref()
    } else {
      // What the store can't do is its own to report: those who read go on without it.
      if (!isPassedThrough(error)) {
        this.#components.onEvent({ type: 'failed', digest: this.descriptor.digest, reason: error.message })
      }
      this.#done.reject(error)
      this.#blob.fail()
      this.#components.host.discovery.withdraw(digestToCid(this.descriptor.digest))
      this.#run(this.#link.stop())
    }
    this.#run(this.#blob.end())
  }
}
