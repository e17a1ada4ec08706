import { createHash, randomBytes } from 'node:crypto'
import { compareDistance, placeOf } from '../discovery/kad-distance.ts'

export interface ContactLimits {
  /** While a node knows fewer peers than this, it wants all: in a small cluster everyone knows everyone. */
  readonly few: number
  /** Peers closest to itself that a node wants to know: more than keep each record. */
  readonly closest: number
  /** Peers that it wants to know in each other part of the keyspace, to find its way there. */
  readonly each: number
}

/** At six keepers of a record, and parts that halve: 40 contacts among 200 nodes, 60 among 1,000. */
export const defaultContactLimits: ContactLimits = { few: 20, closest: 8, each: 4 }

/** A key in a part that fewer than one node in a thousand is in would take long to find, and nobody is there. */
const longestPrefix = 10

/**
 * Which peers a node should know, of which each costs a connection: Kademlia's buckets. Part `n` of the keyspace has
 * the peers whose first `n` bits are those of the node itself, and the next is not.
 */
export class Contacts {
  readonly #self: Uint8Array
  readonly #limits: ContactLimits
  readonly #known = new Map<string, { readonly place: Uint8Array; readonly part: number }>()

  constructor(self: string, limits: ContactLimits = defaultContactLimits) {
    this.#self = placeOf(self)
    this.#limits = limits
  }

  add(peer: string): void {
    if (this.#known.has(peer)) return
    const place = placeOf(peer)
    this.#known.set(peer, { place, part: prefixOf(this.#self, place) })
  }

  remove(peer: string): void {
    this.#known.delete(peer)
  }

  has(peer: string): boolean {
    return this.#known.has(peer)
  }

  /** Whether a peer that is not known yet is worth a connection. */
  isWanted(peer: string): boolean {
    const { few, closest, each } = this.#limits
    if (this.#known.has(peer) || this.#known.size < few) return true
    const place = placeOf(peer)
    if (this.#countIn(prefixOf(this.#self, place)) < each) return true
    let closer = 0
    for (const known of this.#known.values()) {
      if (compareDistance(this.#self, known.place, place) < 0 && ++closer >= closest) return false
    }
    return true
  }

  /**
   * How many peers there are, known or not: exact while they are few, else by how densely the keyspace is populated
   * around the node, give or take a third.
   */
  estimate(): number {
    const { few, closest } = this.#limits
    if (this.#known.size < few) return this.#known.size
    const shares = [...this.#known.values()]
      .map(({ place }) => distanceShare(this.#self, place))
      .sort((a, b) => a - b)
    return Math.max(this.#known.size, Math.round(closest / (shares[closest - 1] ?? 1)))
  }

  /** Keys in those parts of which the node knows too few peers: who is close to them, it should meet. */
  missing(): Uint8Array[] {
    const { few, each } = this.#limits
    if (this.#known.size < few) return []
    const parts = Array.from({ length: this.#nearestPart() }, (_, part) => part)
    return parts.filter((part) => this.#countIn(part) < each).map((part) => keyIn(this.#self, part))
  }

  /** The part beyond which all that there are belong to the closest. */
  #nearestPart(): number {
    const nearestFirst = [...this.#known.values()].map(({ part }) => part).sort((a, b) => b - a)
    return Math.min(longestPrefix, nearestFirst[this.#limits.closest - 1] ?? 0)
  }

  #countIn(part: number): number {
    let count = 0
    for (const known of this.#known.values()) if (known.part === part) count++
    return count
  }
}

/** How many bits at the beginning are the same. */
function prefixOf(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < a.length; index++) {
    const difference = (a[index] ?? 0) ^ (b[index] ?? 0)
    if (difference !== 0) return 8 * index + Math.clz32(difference) - 24
  }
  return 8 * a.length
}

/** The distance of two places, as a share of the keyspace; exact enough for an estimate. */
function distanceShare(a: Uint8Array, b: Uint8Array): number {
  let share = 0
  for (let index = 5; index >= 0; index--) share = (share + ((a[index] ?? 0) ^ (b[index] ?? 0))) / 256
  return share
}

/** Bytes whose `kadId` is in a part. Nobody can compute them: they are found by trying, 2^(part + 1) times on average. */
function keyIn(self: Uint8Array, part: number): Uint8Array {
  for (;;) {
    const key = randomBytes(16)
    if (prefixOf(self, createHash('sha256').update(key).digest()) === part) return key
  }
}
