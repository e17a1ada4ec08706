import type { FarShare } from '../zones.ts'
import { MemberPool, shuffle } from './member-pool.ts'
import type { SwarmMember } from './swarm-member.ts'

/**
 * So many members of a zone, or one of so many, exchange with other zones. Each chunk then crosses the line about once; and no
 * zone is cut off while one of them lives. (Kraken preferred near peers without such a quota, and starved.)
 */
const minBridges = 8
const membersPerBridge = 16
/** Peers in other zones that each of them knows. */
const farAcquaintances = 2

/** The members of a blob's swarm that are in one zone. */
export interface Zone {
  readonly everyone: MemberPool
  readonly complete: MemberPool
  /** Those who exchange with other zones; a place is empty when its member has left. */
  readonly bridges: (SwarmMember | undefined)[]
}

/** Two members of different zones who are to know each other. */
export type Acquaintance = readonly [SwarmMember, SwarmMember]

/** Where the members are, and who of them keeps the zones together. Without zones there is one, and nothing to bridge. */
export class ZoneRoster {
  readonly #random: () => number
  readonly #zones = new Map<string, Zone>()

  constructor(random: () => number) {
    this.#random = random
  }

  add(member: SwarmMember): void {
    const { everyone, complete } = this.zoneOf(member)
    everyone.add(member)
    if (member.held.isComplete) complete.add(member)
  }

  delete(member: SwarmMember): void {
    const zone = this.zoneOf(member)
    zone.everyone.delete(member)
    zone.complete.delete(member)
    const place = zone.bridges.indexOf(member)
    if (place >= 0) zone.bridges[place] = undefined
    if (zone.everyone.size === 0) this.#zones.delete(member.zone)
  }

  zoneOf({ zone: name }: SwarmMember): Zone {
    let zone = this.#zones.get(name)
    if (zone === undefined) {
      zone = { everyone: new MemberPool(), complete: new MemberPool(), bridges: [] }
      this.#zones.set(name, zone)
    }
    return zone
  }

  /** Up to `count` members in other zones that have all of it. */
  completeElsewhere(member: SwarmMember, count: number): SwarmMember[] {
    const zones = [...this.#zones].filter(([name]) => name !== member.zone)
    return zones.flatMap(([, { complete }]) => complete.least(count, () => 0, this.#random)).slice(0, count)
  }

  /**
   * Makes bridges of some members of every zone that has too few; of the newcomer first, if there is one. Returns who is to know
   * whom now.
   */
  bridge(newcomer?: SwarmMember): Acquaintance[] {
    if (this.#zones.size < 2) return []
    const added = [...this.#zones.values()].flatMap((zone) => this.#appoint(zone, newcomer))
    return added.flatMap((member) => this.#farFrom(member).map((other): Acquaintance => [member, other]))
  }

  #appoint(zone: Zone, newcomer: SwarmMember | undefined): SwarmMember[] {
    const { everyone, bridges } = zone
    const wanted = Math.ceil(Math.max(minBridges, everyone.size / membersPerBridge))
    const vacancies = wanted - bridges.filter((member) => member !== undefined).length
    if (vacancies <= 0) return []
    const candidates = everyone
      .least(wanted, () => 0, this.#random)
      .filter((member) => member !== newcomer && !member.held.isComplete && !bridges.includes(member))
    if (newcomer !== undefined && this.zoneOf(newcomer) === zone && !newcomer.held.isComplete)
      candidates.unshift(newcomer)
    const added = candidates.slice(0, vacancies)
    for (const member of added) {
      const place = bridges.indexOf(undefined)
      if (place < 0) bridges.push(member)
      else bridges[place] = member
    }
    return added
  }

  /** What a member brings in from other zones; undefined if that is the part of others. */
  shareOf(member: SwarmMember): FarShare | undefined {
    const { bridges } = this.zoneOf(member)
    const rank = bridges.indexOf(member)
    return rank < 0 ? undefined : { rank, of: bridges.length }
  }

  /** Some bridges of other zones, or members of one where all are complete. */
  #farFrom({ zone: name }: SwarmMember): SwarmMember[] {
    const far = [...this.#zones].filter(([other]) => other !== name).map(([, zone]) => zone)
    const bridges = far.flatMap((zone) => zone.bridges.filter((member) => member !== undefined))
    const complete = far.flatMap((zone) => zone.complete.least(farAcquaintances, () => 0, this.#random))
    return [...shuffle(bridges, this.#random), ...complete].slice(0, farAcquaintances)
  }
}
