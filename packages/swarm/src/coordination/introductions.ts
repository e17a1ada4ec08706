import type { SwarmMember } from './swarm-member.ts'

/** Neighbours that a downloader is told of; 20 or more come within a tenth of the bound (Shoal's model). */
const neighboursAimedAt = 24
/** So many of them are complete, if there are that many: nothing is ever out of reach, and the rest trade. */
const completeAimedAt = 12
/** Members looked at for each that is chosen. The least known of a few are as good as the least known of all. */
const choices = 3
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
}

/**
 * Decides who is told of whom, so that everybody knows enough peers and nobody is known to too many: in a graph that is
 * close to regular the slowest node is hardly later than the rest (Kraken's simulations show what happens otherwise).
 */
export class Introductions {
  readonly #isSmall: boolean
  readonly #random: () => number
  readonly #members = new Map<string, SwarmMember>()
  readonly #everyone = new MemberPool()
  readonly #complete = new MemberPool()
  readonly #providers = new Set<string>()

  constructor(init: { readonly chunkCount: number; readonly random: () => number }) {
    this.#isSmall = init.chunkCount <= 1
    this.#random = init.random
  }

  join(newcomer: SwarmMember): Introduction[] {
    const introductions = this.#isSmall ? this.#toHolders(newcomer) : this.#toSwarm(newcomer)
    this.#members.set(newcomer.name, newcomer)
    this.#everyone.add(newcomer)
    if (newcomer.held.isComplete) this.#complete.add(newcomer)
    return introductions
  }

  leave(member: SwarmMember): void {
    this.#members.delete(member.name)
    this.#everyone.remove(member)
    this.#complete.remove(member)
  }

  /** A member has all of it now. Of a small blob, those who wait longest are told. */
  completed(holder: SwarmMember): Introduction[] {
    this.#complete.add(holder)
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
    const holders = this.#complete.leastKnown(smallBlobIntroductions, this.#random)
    const peers = [...holders, ...this.#providers].filter((peer) => peer !== newcomer.name)
    const chosen = peers.slice(0, smallBlobIntroductions)
    return chosen.length > 0 ? [this.#introduce(newcomer, chosen)] : []
  }

  /** The newcomer to some that few know; and them to it, while they know too few themselves. */
  #toSwarm(newcomer: SwarmMember): Introduction[] {
    const complete = this.#complete.leastKnown(completeAimedAt, this.#random)
    const any = this.#everyone.leastKnown(neighboursAimedAt, this.#random)
    const known = new Set([...complete, ...this.#providers, ...any])
    known.delete(newcomer.name)
    const chosen = [...known].slice(0, neighboursAimedAt)
    if (chosen.length === 0) return []
    const introductions = [this.#introduce(newcomer, chosen)]
    for (const peer of this.#isCrowded() ? chosen : this.#members.keys()) {
      const member = this.#members.get(peer)
      if (member === undefined || member.held.isComplete || member.introduced.has(newcomer.name)) continue
      if (member.introduced.size < neighboursAimedAt) {
        introductions.push(this.#introduce(member, [newcomer.name]))
        newcomer.knownTo++
      }
    }
    return introductions
  }

  /** More members than anyone needs to know. */
  #isCrowded(): boolean {
    return this.#members.size > neighboursAimedAt
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
    return { type: 'neighbours', member: member.name, peers, complete }
  }
}

/** Members to draw from by chance. */
class MemberPool {
  readonly #members: SwarmMember[] = []
  readonly #places = new Map<SwarmMember, number>()

  add(member: SwarmMember): void {
    if (this.#places.has(member)) return
    this.#places.set(member, this.#members.length)
    this.#members.push(member)
  }

  remove(member: SwarmMember): void {
    const place = this.#places.get(member)
    if (place === undefined) return
    const last = this.#members.pop() as SwarmMember
    this.#places.delete(member)
    if (last === member) return
    this.#members[place] = last
    this.#places.set(last, place)
  }

  /** The names of up to `count` members: of some drawn by chance, those whom the fewest know. */
  leastKnown(count: number, random: () => number): string[] {
    return shuffle(this.#draw(count * choices, random), random)
      .sort((a, b) => a.knownTo - b.knownTo)
      .slice(0, count)
      .map(({ name }) => name)
  }

  #draw(count: number, random: () => number): SwarmMember[] {
    if (this.#members.length <= count) return [...this.#members]
    const drawn = new Set<SwarmMember>()
    for (let draw = 0; draw < count; draw++) {
      drawn.add(this.#members[Math.floor(random() * this.#members.length)] as SwarmMember)
    }
    return [...drawn]
  }
}

function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const item = items[last] as T
    items[last] = items[other] as T
    items[other] = item
  }
  return items
}
