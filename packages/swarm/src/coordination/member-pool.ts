import type { SwarmMember } from './swarm-member.ts'

/** Members looked at for each that is chosen. The least of a few are as good as the least of all, and cost the same. */
const choices = 3

/** Members to draw from by chance. */
export class MemberPool {
  readonly #members: SwarmMember[] = []
  readonly #places = new Map<SwarmMember, number>()

  get size(): number {
    return this.#members.length
  }

  add(member: SwarmMember): void {
    if (this.#places.has(member)) return
    this.#places.set(member, this.#members.length)
    this.#members.push(member)
  }

  delete(member: SwarmMember): void {
    const place = this.#places.get(member)
    if (place === undefined) return
    const last = this.#members.pop() as SwarmMember
    this.#places.delete(member)
    if (last === member) return
    this.#members[place] = last
    this.#places.set(last, place)
  }

  /** Up to `count` members: of some drawn by chance, those with the least of something. */
  least(count: number, measure: (member: SwarmMember) => number, random: () => number): SwarmMember[] {
    return shuffle(this.#draw(count * choices, random), random)
      .sort((a, b) => measure(a) - measure(b))
      .slice(0, count)
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

/** In place. */
export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const item = items[last] as T
    items[last] = items[other] as T
    items[other] = item
  }
  return items
}
