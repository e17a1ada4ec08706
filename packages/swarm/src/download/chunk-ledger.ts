import { ChunkSet, type ReadonlyChunkSet } from '@shoal/content'
import type { FarShare } from '../zones.ts'

/** How a chunk stands with upstream. */
export type UpstreamState = 'none' | 'leased' | 'fetching'

const none = 0
const leased = 1
const fetching = 2
/** So many rounds of a quarter of a second a chunk is left to those who are to bring it in. */
const roundsForOthers = 8
const codeOf = { none, leased, fetching } as const

/**
 * What is known of each chunk of a download: whether it is here, how many neighbours have it, how many owe it to us,
 * whether it comes from upstream. Keeps up to date, chunk by chunk, what would else take a scan at every event: which
 * chunks can be asked for, and whether some can come only from upstream.
 */
export class ChunkLedger {
  readonly #held: ChunkSet
  readonly #wanted: ChunkSet
  readonly #availability: Uint16Array
  readonly #owed: Uint8Array
  readonly #upstream: Uint8Array
  readonly #isOrphan: Uint8Array
  /** How many of the neighbours that have a chunk are far; undefined as long as nobody is. */
  #far: Uint16Array | undefined
  /** Of what is wanted, what only far neighbours have: as far as we are to bring it in, and what others are. */
  readonly #wantedFar: ChunkSet
  readonly #leftToOthers: ChunkSet
  /** In which round a chunk was left to others. */
  #leftAt: Uint32Array | undefined
  #round = 0
  #farShare: FarShare = { rank: 0, of: 1 }
  #orphans = 0
  #pending = 0
  #wantedRevision = 0

  /** `held` belongs to the ledger from now on. */
  constructor(held: ChunkSet) {
    const { capacity } = held
    this.#held = held
    this.#wanted = new ChunkSet(capacity)
    this.#availability = new Uint16Array(capacity)
    this.#owed = new Uint8Array(capacity)
    this.#upstream = new Uint8Array(capacity)
    this.#isOrphan = new Uint8Array(capacity)
    this.#wantedFar = new ChunkSet(capacity)
    this.#leftToOthers = new ChunkSet(capacity)
    for (let index = 0; index < capacity; index++) this.#update(index)
  }

  get held(): ReadonlyChunkSet {
    return this.#held
  }

  /** Chunks that are missing, that no lively peer was asked for, and that do not come from upstream already. */
  get wanted(): ReadonlyChunkSet {
    return this.#wanted
  }

  /** Of these, what no near neighbour has and we are to bring in. */
  get wantedFar(): ReadonlyChunkSet {
    return this.#wantedFar
  }

  /** Changes whenever a chunk comes to be wanted: a neighbour that had nothing to offer then may have now. */
  get wantedRevision(): number {
    return this.#wantedRevision
  }

  /** Missing chunks that no neighbour has and that neither come nor will come from upstream to this node. */
  get orphans(): number {
    return this.#orphans
  }

  /** How many neighbours have the chunk. */
  availability(index: number): number {
    return this.#availability[index] ?? 0
  }

  /** Missing chunks that lively peers were asked for. One that was asked of two counts once. */
  get pending(): number {
    return this.#pending
  }

  /** How many lively peers were asked for the chunk and have not sent it yet. */
  owed(index: number): number {
    return this.#owed[index] ?? 0
  }

  isFetching(index: number): boolean {
    return this.#upstream[index] === fetching
  }

  /** It comes from upstream, or will by a lease. */
  isCovered(index: number): boolean {
    return this.#upstream[index] !== none
  }

  /** A neighbour has the chunk now, or (-1) has it no more. */
  countHolder(index: number, change: 1 | -1, isFar = false): void {
    const before = this.#availability[index] ?? 0
    this.#availability[index] = before + change
    if (isFar) {
      this.#far ??= new Uint16Array(this.#availability.length)
      this.#far[index] = (this.#far[index] ?? 0) + change
    }
    if (before === 0 || before + change === 0 || this.#far !== undefined) this.#update(index)
  }

  /** A lively peer owes the chunk now, or (-1) owes it no more. */
  countOwed(index: number, change: 1 | -1): void {
    const before = this.#owed[index] ?? 0
    this.#owed[index] = before + change
    if (before === 0) this.#pending++
    else if (before + change === 0) this.#pending--
    this.#update(index)
  }

  setUpstream(index: number, state: UpstreamState): void {
    this.#upstream[index] = codeOf[state]
    this.#update(index)
  }

  store(index: number): void {
    this.#held.add(index)
    this.#update(index)
  }

  drop(index: number): void {
    this.#held.delete(index)
    this.#update(index)
  }

  #update(index: number): void {
    const isMissing = !this.#held.has(index)
    const isWanted = isMissing && this.#owed[index] === 0 && this.#upstream[index] !== fetching
    if (!isWanted) this.#wanted.delete(index)
    else if (this.#wanted.add(index)) this.#wantedRevision++
    if (this.#far !== undefined) this.#updateFar(index, isWanted)
    const isOrphan = isMissing && this.#availability[index] === 0 && this.#upstream[index] === none ? 1 : 0
    this.#orphans += isOrphan - (this.#isOrphan[index] ?? 0)
    this.#isOrphan[index] = isOrphan
  }

  /** Which of what only far neighbours have this node asks for at once; the rest when others don't for a while. */
  set farShare(share: FarShare) {
    this.#farShare = share
    if (this.#far === undefined) return
    for (const index of this.#wanted) this.#update(index)
  }

  /** Time passes: what others were to bring in and did not is for us. */
  nextRound(): void {
    this.#round++
    if (this.#leftToOthers.size === 0) return
    for (const index of this.#leftToOthers) {
      if (this.#round - (this.#leftAt?.[index] ?? 0) < roundsForOthers) continue
      this.#leftToOthers.delete(index)
      if (this.#wantedFar.add(index)) this.#wantedRevision++
    }
  }

  #updateFar(index: number, isWanted: boolean): void {
    if (!isWanted || this.#availability[index] !== this.#far?.[index]) {
      this.#wantedFar.delete(index)
      this.#leftToOthers.delete(index)
      return
    }
    const { rank, of } = this.#farShare
    if (this.#wantedFar.has(index)) return
    if (index % of === rank) {
      this.#leftToOthers.delete(index)
      this.#wantedFar.add(index)
      this.#wantedRevision++
    } else if (this.#leftToOthers.add(index)) {
      this.#leftAt ??= new Uint32Array(this.#availability.length)
      this.#leftAt[index] = this.#round
    }
  }
}
