import {
  type BlobStore,
  ChunkLayout,
  ChunkSet,
  type Digest,
  digestToCid,
  InvalidInputError,
  parseDigest,
  ShoalError,
  StoreError,
} from '@shoal/content'
import { maxRegistryCharacters } from '../exchange/exchange-protocol.ts'
import { AttentiveClock } from '../host/attentive-clock.ts'
import type { MessageStream } from '../host/message-stream.ts'
import type { SwarmHost } from '../host/swarm-host.ts'
import type { WantedBlob } from '../wanted-blob.ts'
import { CoordinationReply, CoordinationRequest, type Join } from '../wire/coordination.ts'
import {
  coordinationProtocol,
  maxAddresses,
  maxCoordinationMessageBytes,
  maxMembers,
  maxStreamsPerPeer,
  maxVouchedPerMessage,
  maxWantedPlaces,
  maxZoneCharacters,
} from './coordination-protocol.ts'
import type { LeaseCommand, LeaseEvent } from './lease-events.ts'
import { greetingMs, LeaseTable } from './lease-table.ts'
import { newsIntervalMs } from './news-interval.ts'
import { encodeVouched, type VouchedHash, VouchedHashes } from './vouched-hashes.ts'

/** A first joiner waits so long for the DHT to name holders, so that nothing is fetched that the cluster has. */
const settleMs = 100
/**
 * A first joiner that brings chunks comes from another coordinator, which is gone or not the closest any more; so do the
 * others in a moment, and leases wait for what they hold. The same where this node has just met the cluster: members of
 * blobs that it is now the closest to are on their way.
 */
const gatherMs = 1_000
const providersAsked = 20
const tickMs = 1_000
/** A peer that opened a stream joins within this time. */
const joinTimeoutMs = 5_000
/** Replies that wait for a member that does not read; past that it is cut off. */
const maxQueuedReplies = 1_000

/** How a member's requests come in; `leave` frees its leases. */
export interface Membership {
  receive(request: CoordinationRequest): void
  leave(): void
}

/** The request is not one that this coordinator can serve. */
export class JoinRefusedError extends ShoalError {
  constructor(why: string) {
    super('JOIN_REFUSED', why)
  }
}

/** One blob, for the clients of one registry: its table and the ways to its members. */
interface Swarm {
  readonly key: string
  readonly digest: Digest
  readonly size: number
  readonly table: LeaseTable
  readonly clock: AttentiveClock
  readonly vouched: VouchedHashes
  /** How many of them the members were told of. */
  toldVouched: number
  telling: NodeJS.Timeout | undefined
  readonly members: Map<
    string,
    { readonly send: (reply: CoordinationReply) => void; readonly addresses: string[] }
  >
  readonly timer: NodeJS.Timeout
  readonly search: AbortController
}

/**
 * The coordinator's part of a node: for every blob whose CID is close to this node it keeps a lease table and
 * carries messages between it and the members. Any node may be asked; which one is, the members decide.
 */
export class Coordinator {
  readonly #host: SwarmHost
  readonly #blobs: Pick<BlobStore, 'has'>
  /** By blob and registry. */
  readonly #swarms = new Map<string, Swarm>()
  /** When this node, that knew nobody, met its first peer. */
  #metAt = Number.NEGATIVE_INFINITY
  #stopListening: (() => void) | undefined

  /** `blobs` are those of this node, which may be the one that has what others look for. */
  constructor(components: { host: SwarmHost; blobs: Pick<BlobStore, 'has'> }) {
    this.#host = components.host
    this.#blobs = components.blobs
  }

  async start(): Promise<void> {
    this.#stopListening = this.#host.onPeerRoutable(() => {
      if (this.#host.routablePeers() === 1) this.#metAt = performance.now()
    })
    await this.#host.handle(coordinationProtocol, (stream) => this.#serve(stream), {
      maxStreamsPerPeer,
      maxMessageBytes: maxCoordinationMessageBytes,
    })
  }

  stop(): void {
    this.#stopListening?.()
    for (const swarm of this.#swarms.values()) this.#end(swarm)
  }

  /**
   * Adds a member, this node itself or a remote one.
   *
   * @throws JoinRefusedError, InvalidInputError
   */
  join(member: string, join: Join, send: (reply: CoordinationReply) => void): Membership {
    const digest = parseDigest(join.digest)
    const layout = new ChunkLayout(Number(join.size))
    const held = ChunkSet.decode(join.chunks, layout.count)
    const isRunning = held.size > 0 || join.leased.length > 0
    const registry = join.registry?.slice(0, maxRegistryCharacters) ?? ''
    const swarm = this.#swarmOf({ digest, registry }, layout, isRunning)
    if (swarm.size !== layout.size) {
      throw new JoinRefusedError(
        `${digest} has ${swarm.size} bytes for its other downloaders, not ${layout.size}`,
      )
    }
    if (swarm.members.size >= maxMembers)
      throw new JoinRefusedError(`${digest} has ${maxMembers} downloaders already`)
    const entry = { send, addresses: join.addresses.slice(0, maxAddresses) }
    swarm.members.set(member, entry)
    const step = (event: LeaseEvent) => this.#step(swarm, event)
    send(reply({ newsIntervalMs: newsIntervalMs(swarm.members.size) }))
    this.#tellVouched(swarm.vouched.slice(0, swarm.toldVouched), [entry])
    step({ type: 'join', member, held, leased: join.leased, zone: join.zone?.slice(0, maxZoneCharacters) })
    return {
      receive: (request) => {
        for (const { index, hash } of request.landed) {
          if (index >= layout.count)
            throw new InvalidInputError('PROTOCOL', `landed chunk ${index} of ${layout.count}`)
          step({ type: 'landed', member, index })
          if (hash?.length === 32) this.#vouch(swarm, { index, hash, voucher: member })
        }
        const { release, pauseMs = 0, willing, claim, working, wanted } = request
        if (working === true) step({ type: 'working', member })
        if (release.length > 0 || pauseMs > 0) step({ type: 'release', member, indexes: release, pauseMs })
        if (claim === true) step({ type: 'claim', member })
        if (willing !== undefined) step({ type: 'ask', member, willing })
        if (wanted.length > 0) step({ type: 'want', member, indexes: wanted.slice(0, maxWantedPlaces) })
      },
      leave: () => {
        if (swarm.members.get(member) !== entry) return
        swarm.members.delete(member)
        step({ type: 'leave', member })
        if (swarm.members.size === 0) this.#end(swarm)
      },
    }
  }

  async #serve(stream: MessageStream): Promise<void> {
    const first = await stream.read({ signal: AbortSignal.timeout(joinTimeoutMs) })
    if (first === undefined) return
    const { join } = decode(first)
    if (join === undefined) throw new InvalidInputError('PROTOCOL', 'the first message must be a join')
    let membership: Membership
    try {
      membership = this.join(stream.peer, join, replyTo(stream))
    } catch (error) {
      await stream.send(encodeReply({ refused: (error as Error).message }))
      await stream.close()
      return
    }
    try {
      for (let message = await stream.read(); message !== undefined; message = await stream.read()) {
        membership.receive(decode(message))
      }
    } finally {
      membership.leave()
    }
  }

  /** `isRunning`: whoever joins first was at work under another coordinator. */
  #swarmOf({ digest, registry }: WantedBlob, layout: ChunkLayout, isRunning: boolean): Swarm {
    const key = `${digest} ${registry}`
    const known = this.#swarms.get(key) ?? this.#swarmOfBefore({ digest, registry })
    if (known !== undefined) return known
    const clock = new AttentiveClock({ intervalMs: tickMs })
    const swarm: Swarm = {
      key,
      digest,
      size: layout.size,
      table: new LeaseTable({ chunkCount: layout.count, random: Math.random }),
      clock,
      vouched: new VouchedHashes(),
      toldVouched: 0,
      telling: undefined,
      members: new Map(),
      timer: setInterval(() => this.#tick(swarm), tickMs).unref(),
      search: new AbortController(),
    }
    this.#swarms.set(key, swarm)
    void this.#settle(swarm, isRunning)
    return swarm
  }

  /** A node of a build of before names no registry: it joins any swarm of the blob, and others join its. */
  #swarmOfBefore({ digest, registry }: WantedBlob): Swarm | undefined {
    if (registry !== '') return this.#swarms.get(`${digest} `)
    return [...this.#swarms.values()].find((swarm) => swarm.digest === digest)
  }

  /** Leases flow once it is known who has the blob already: holders that the DHT names, or members that are on their way. */
  async #settle(swarm: Swarm, isRunning: boolean): Promise<void> {
    const settled = () => {
      this.#step(swarm, { type: 'settled' })
      setTimeout(() => this.#tick(swarm), greetingMs).unref()
    }
    const now = performance.now()
    const gatherLeftMs = (isRunning ? now : this.#metAt) + gatherMs - now
    setTimeout(settled, Math.max(settleMs, gatherLeftMs)).unref()
    await this.#findProviders(swarm)
    if (gatherLeftMs <= 0) settled()
  }

  async #findProviders(swarm: Swarm): Promise<void> {
    const { signal } = swarm.search
    try {
      // Those who search the DHT do not find themselves.
      if (await this.#blobs.has(swarm.digest)) {
        this.#step(swarm, { type: 'providers', peers: [this.#host.peer] })
      }
      const providers = this.#host.discovery.find(digestToCid(swarm.digest), {
        limit: providersAsked,
        signal,
      })
      for await (const peer of providers) this.#step(swarm, { type: 'providers', peers: [peer] })
    } catch (error) {
      // The last member left meanwhile, or this node stops; nobody waits for the answer.
      if (!signal.aborted && !isClosed(error)) throw error
    }
  }

  #vouch(swarm: Swarm, vouched: VouchedHash): void {
    if (!swarm.vouched.add(vouched)) return
    swarm.telling ??= setTimeout(() => {
      swarm.telling = undefined
      const news = swarm.vouched.slice(swarm.toldVouched)
      swarm.toldVouched = swarm.vouched.size
      this.#tellVouched(news, swarm.members.values())
    }, newsIntervalMs(swarm.members.size)).unref()
  }

  #tellVouched(
    hashes: readonly VouchedHash[],
    to: Iterable<{ send: (reply: CoordinationReply) => void }>,
  ): void {
    const messages: CoordinationReply[] = []
    for (let from = 0; from < hashes.length; from += maxVouchedPerMessage) {
      messages.push(reply({ vouched: encodeVouched(hashes.slice(from, from + maxVouchedPerMessage)) }))
    }
    for (const { send } of to) for (const message of messages) send(message)
  }

  #end(swarm: Swarm): void {
    clearInterval(swarm.timer)
    clearTimeout(swarm.telling)
    swarm.search.abort()
    if (this.#swarms.get(swarm.key) === swarm) this.#swarms.delete(swarm.key)
  }

  #tick(swarm: Swarm): void {
    swarm.clock.tick()
    this.#step(swarm, { type: 'tick' })
  }

  #step(swarm: Swarm, event: LeaseEvent): void {
    for (const command of swarm.table.step(event, swarm.clock.now())) this.#carryOut(swarm, command)
  }

  #carryOut(swarm: Swarm, command: LeaseCommand): void {
    const send = swarm.members.get(command.member)?.send
    if (send === undefined) return
    switch (command.type) {
      case 'lease':
        send(reply({ lease: command.runs }))
        break
      case 'revoke':
        send(reply({ revoke: command.runs }))
        break
      case 'neighbours':
        send(
          reply({
            neighbours: command.peers.map((peer) => ({
              peer,
              addresses: swarm.members.get(peer)?.addresses ?? [],
              complete: command.complete.includes(peer),
            })),
            farShare: command.farShare,
          }),
        )
        break
    }
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof StoreError && error.fault === 'closed'
}

/** Sends in order without making the coordinator wait; a member that does not read is cut off. */
function replyTo(stream: MessageStream): (reply: CoordinationReply) => void {
  let queued = 0
  return (message) => {
    if (stream.closed) return
    if (++queued > maxQueuedReplies) {
      stream.abort(new Error(`${queued} replies wait for peer ${stream.peer}, which does not read`))
      return
    }
    stream.send(CoordinationReply.encode(message)).then(
      () => queued--,
      // The reading side sees the same end of the stream, and leaves.
      (error: Error) => stream.abort(error),
    )
  }
}

function reply(part: Partial<CoordinationReply>): CoordinationReply {
  return { neighbours: [], lease: [], revoke: [], vouched: [], ...part }
}

function encodeReply(part: Partial<CoordinationReply>): Uint8Array {
  return CoordinationReply.encode(reply(part))
}

function decode(message: Uint8Array): CoordinationRequest {
  try {
    return CoordinationRequest.decode(message)
  } catch (cause) {
    throw new InvalidInputError('PROTOCOL', 'malformed coordination message', { cause })
  }
}
