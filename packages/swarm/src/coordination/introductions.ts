import type { FarShare } from '../zones.ts'
import { type MemberPool, shuffle } from './member-pool.ts'
import type { SwarmMember } from './swarm-member.ts'
import { type Acquaintance, ZoneRoster } from './zone-roster.ts'

/** Each member knows so many others, and they it; with 20 or more a swarm comes within a tenth of its bound (Shoal's model). */
const acquaintances = 24
/** Known to so many, a member has enough to do. */
const wellKnown = 36
/** Complete members and providers that a newcomer is told of besides: with them, nothing is ever out of reach. */
const completeAimedAt = 12
/**
 * A blob of one chunk has no swarm, only holders: each newcomer is told of some, and each holder is told to so many who
 * wait, so that holders multiply and none is overrun.
 */
const smallBlobIntroductions = 4

/** Tells a member of peers. */
export interface Introduction {
  readonly type: 'neighbours'
  readonly member: string
  readonly peers: string[]
  /** Those of them that have all of it. */
  readonly complete: string[]
  /** What the member is to bring in from peers in other zones. */
  readonly farShare?: FarShare | undefined
}

/**
 * Decides who is told of whom. Those who come at the same time, as a swarm begins, are joined to a random regular graph:
 * everybody knows and is known to equally many. In a graph with thin spots some nodes have nothing that others lack, and
 * others get too little; a swarm is done when its last node is. (Kraken's simulations show the same.)
 */
export class Introductions {
  readonly #isSmall: boolean
  readonly #random: () => number
  readonly #members = new Map<string, SwarmMember>()
  readonly #roster: ZoneRoster
  readonly #providers = new Set<string>()
  /** Members that came before the swarm began. */
  readonly #gathered: SwarmMember[] = []
  #hasBegun = false

  constructor(init: { readonly chunkCount: number; readonly random: () => number }) {
    this.#isSmall = init.chunkCount <= 1
    this.#random = init.random
    this.#roster = new ZoneRoster(init.random)
  }

  /** Whether somebody has chunks who need not be a member. */
  get knowsProviders(): boolean {
    return this.#providers.size > 0
  }

  join(newcomer: SwarmMember): Introduction[] {
    let introductions: Introduction[] = []
    if (this.#isSmall) introductions = this.#toHolders(newcomer)
    else if (this.#hasBegun) introductions = this.#toSwarm(newcomer)
    else this.#gathered.push(newcomer)
    this.#members.set(newcomer.name, newcomer)
    this.#roster.add(newcomer)
    if (!this.#hasBegun || this.#isSmall) return introductions
    return [...introductions, ...this.#acquaint(this.#roster.bridge(newcomer))]
  }

  /** Those who will come at the same time have come: they are told of each other. */
  begin(): Introduction[] {
    if (this.#hasBegun) return []
    this.#hasBegun = true
    const members = this.#gathered.splice(0).filter((member) => this.#members.get(member.name) === member)
    const known = new Map(members.map((member) => [member, new Set<SwarmMember>()]))
    const meet = (one: SwarmMember, other: SwarmMember): void => {
      if (one === other) return
      known.get(one)?.add(other)
      known.get(other)?.add(one)
    }
    const zones = [...Map.groupBy(members, ({ zone }) => zone).values()]
    for (const neighbours of zones) this.#mingle(neighbours, meet)
    if (!this.#isSmall) for (const [one, other] of this.#roster.bridge()) meet(one, other)
    const providers = [...this.#providers].slice(0, completeAimedAt)
    return zones.flat().flatMap((member) => {
      const peers = [...(known.get(member) ?? [])].map(({ name }) => name)
      const chosen = new Set([...providers, ...shuffle(peers, this.#random)])
      chosen.delete(member.name)
      return chosen.size > 0 ? [this.#introduce(member, [...chosen])] : []
    })
  }

  /** A random graph in which all know equally many. */
  #mingle(members: SwarmMember[], meet: (one: SwarmMember, other: SwarmMember) => void): void {
    if (members.length <= acquaintances + 1) {
      for (const one of members) for (const other of members) meet(one, other)
      return
    }
    for (let circle = 0; circle < acquaintances / 2; circle++) {
      shuffle(members, this.#random)
      for (const [place, member] of members.entries())
        meet(member, members[(place + 1) % members.length] as SwarmMember)
    }
  }

  /** Where it kept zones together, another does. */
  leave(member: SwarmMember): Introduction[] {
    this.#members.delete(member.name)
    this.#roster.delete(member)
    return this.#hasBegun && !this.#isSmall ? this.#acquaint(this.#roster.bridge()) : []
  }

  /** A member has all of it now. Of a small blob, those who wait longest are told. */
  completed(holder: SwarmMember): Introduction[] {
    this.#roster.zoneOf(holder).complete.add(holder)
    if (!this.#isSmall) return []
    const waiting: SwarmMember[] = []
    for (const member of this.#members.values()) {
      if (waiting.length === smallBlobIntroductions) break
      if (member !== holder && !member.held.isComplete && member.introduced.size === 0) waiting.push(member)
    }
    return waiting.map((member) => this.#introduce(member, [holder.name]))
  }

  /** Peers that the DHT names as holders: they may have chunks without being members. */
  providers(peers: readonly string[]): Introduction[] {
    for (const peer of peers) this.#providers.add(peer)
    const introductions: Introduction[] = []
    for (const member of this.#members.values()) {
      const news = peers.filter((peer) => peer !== member.name && !member.introduced.has(peer))
      if (news.length > 0 && !member.held.isComplete) introductions.push(this.#introduce(member, news))
    }
    return introductions
  }

  #toHolders(newcomer: SwarmMember): Introduction[] {
    const near = this.#roster.zoneOf(newcomer).complete
    const holders = leastKnown(near, smallBlobIntroductions, this.#random)
    const far = holders.length > 0 ? [] : this.#roster.completeElsewhere(newcomer, smallBlobIntroductions)
    const peers = [...holders, ...far.map(({ name }) => name), ...this.#providers].filter(
      (peer) => peer !== newcomer.name,
    )
    const chosen = peers.slice(0, smallBlobIntroductions)
    return chosen.length > 0 ? [this.#introduce(newcomer, chosen)] : []
  }

  /** A late comer and some others, to each other; and complete ones to the late comer. */
  #toSwarm(newcomer: SwarmMember): Introduction[] {
    const zone = this.#roster.zoneOf(newcomer)
    const complete = [...leastKnown(zone.complete, completeAimedAt, this.#random), ...this.#providers]
    const others = leastKnown(zone.everyone, acquaintances, this.#random)
    const chosen = new Set([...complete.slice(0, completeAimedAt), ...others])
    chosen.delete(newcomer.name)
    if (chosen.size === 0) return []
    const introductions = [this.#introduce(newcomer, [...chosen])]
    for (const peer of others) {
      const member = this.#members.get(peer)
      if (member === undefined || member.held.isComplete || member.introduced.has(newcomer.name)) continue
      introductions.push(this.#introduce(member, [newcomer.name]))
      newcomer.knownTo++
    }
    return introductions
  }

  #acquaint(acquaintances: readonly Acquaintance[]): Introduction[] {
    const introductions: Introduction[] = []
    for (const pair of acquaintances) {
      for (const [one, other] of [pair, pair.toReversed()] as [SwarmMember, SwarmMember][]) {
        if (one.held.isComplete || one.introduced.has(other.name)) continue
        introductions.push(this.#introduce(one, [other.name]))
      }
    }
    return introductions
  }

  #introduce(member: SwarmMember, peers: string[]): Introduction {
    const complete: string[] = []
    for (const peer of peers) {
      member.introduced.add(peer)
      const other = this.#members.get(peer)
      if (other === undefined) continue
      other.knownTo++
      if (other.held.isComplete) complete.push(peer)
    }
    const introduction: Introduction = { type: 'neighbours', member: member.name, peers, complete }
    const farShare = this.#roster.shareOf(member)
    return farShare === undefined ? introduction : { ...introduction, farShare }
  }
}

/**
 * Any members, but rather not those whom many know. Were the least known preferred throughout, those who come one after
 * the other would know only each other.
 */
function leastKnown(pool: MemberPool, count: number, random: () => number): string[] {
  const crowding = ({ knownTo }: SwarmMember) => Math.max(0, knownTo - wellKnown)
  return pool.least(count, crowding, random).map(({ name }) => name)
}
