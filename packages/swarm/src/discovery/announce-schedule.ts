export interface AnnouncePace {
  /** Announcements a second, in the long run. */
  readonly perSecond: number
  /** How many may go out at once after a pause. */
  readonly burst: number
  /** After which time each is repeated, at the earliest, in milliseconds; at the latest half as long again. */
  readonly repeatMs: number
}

/**
 * A node that restarts with 5,000 blobs is through in eight minutes, at 12 messages each and about 5 % of a core on
 * either side; records last a day.
 */
export const defaultPace: AnnouncePace = { perSecond: 10, burst: 10, repeatMs: 10 * 3_600_000 }

/** With fewer keepers, where there are as many peers, the next two that leave may take the record with them. */
const enoughKeepers = 3

interface Announcement {
  state: 'fresh' | 'due' | 'running' | 'made'
  /** It became due again while it was being made. */
  isOvertaken: boolean
  /** Who keeps the record. */
  keepers: readonly string[]
  /** How many kept it when it was made. */
  told: number
  /** Peers that the cluster had then. */
  peers: number
  repeatAtMs: number
}

/**
 * Which announcement goes out next, and when: what is new before what is repeated, the newest first, at a pace that
 * leaves the node its CPU. An announcement is repeated before it expires, when half of those who kept it have gone,
 * and when so many nodes have joined that others are close to it. Times are in milliseconds, of one monotonic clock.
 */
export class AnnounceSchedule {
  readonly #pace: AnnouncePace
  readonly #random: () => number
  readonly #announcements = new Map<string, Announcement>()
  /** Fresh ones, the newest last; those that are no longer fresh are passed over. */
  readonly #stack: string[] = []
  /** Those that are due again, in the order in which they became so. */
  readonly #due = new Set<string>()
  #tokens: number
  #refilledAtMs: number

  constructor(pace: AnnouncePace, random: () => number, nowMs: number) {
    this.#pace = pace
    this.#random = random
    this.#tokens = pace.burst
    this.#refilledAtMs = nowMs
  }

  has(key: string): boolean {
    return this.#announcements.has(key)
  }

  /** Returns whether it is new. */
  add(key: string): boolean {
    if (this.#announcements.has(key)) return false
    this.#announcements.set(key, {
      state: 'fresh',
      isOvertaken: false,
      keepers: [],
      told: 0,
      peers: 0,
      repeatAtMs: 0,
    })
    this.#stack.push(key)
    return true
  }

  /** Who keeps the record, and is to be told that it is void. */
  remove(key: string): readonly string[] {
    const keepers = this.#announcements.get(key)?.keepers ?? []
    this.#announcements.delete(key)
    this.#due.delete(key)
    return keepers
  }

  /** What to announce now; undefined when nothing is due, or the pace does not permit it yet. */
  take(nowMs: number): string | undefined {
    this.#refill(nowMs)
    const key = this.#next()
    const announcement = key === undefined ? undefined : this.#announcements.get(key)
    if (key === undefined || announcement === undefined || this.#tokens < 1) return undefined
    this.#tokens--
    this.#due.delete(key)
    announcement.state = 'running'
    announcement.isOvertaken = false
    return key
  }

  /** How long until {@link take} may give something, spread by a half either way; undefined when nothing is due. */
  waitMs(nowMs: number): number | undefined {
    if (this.#next() === undefined) return undefined
    this.#refill(nowMs)
    const missing = Math.max(0, 1 - this.#tokens)
    return ((missing * 1_000) / this.#pace.perSecond) * (0.5 + this.#random())
  }

  /** The announcement that was taken was made, and these keep it; none when nobody could be told. */
  made(key: string, keepers: readonly string[], peers: number, nowMs: number): void {
    const announcement = this.#announcements.get(key)
    if (announcement === undefined) return
    announcement.state = 'made'
    announcement.keepers = keepers
    announcement.told = keepers.length
    announcement.peers = peers
    announcement.repeatAtMs = nowMs + this.#pace.repeatMs * (1 + this.#random() / 2)
    // Somebody came after the search for those to tell had begun.
    if (announcement.isOvertaken && keepers.length === 0) this.#repeat(key, announcement)
  }

  /** A peer has gone, and with it what it kept. */
  keeperLeft(peer: string): void {
    for (const [key, announcement] of this.#announcements) {
      if (!announcement.keepers.includes(peer)) continue
      announcement.keepers = announcement.keepers.filter((keeper) => keeper !== peer)
      if (2 * announcement.keepers.length <= announcement.told) this.#repeat(key, announcement)
    }
  }

  /** Finds what is to be repeated, now that the cluster has so many `peers`. */
  review(peers: number, nowMs: number): void {
    if (peers === 0) return
    for (const [key, announcement] of this.#announcements) {
      const { told, peers: peersThen, repeatAtMs } = announcement
      const isWeak = told < Math.max(1, Math.min(enoughKeepers, peersThen))
      if (isWeak || peers >= 2 * peersThen || nowMs >= repeatAtMs) this.#repeat(key, announcement)
    }
  }

  #repeat(key: string, announcement: Announcement): void {
    if (announcement.state === 'running') announcement.isOvertaken = true
    if (announcement.state !== 'made') return
    announcement.state = 'due'
    this.#due.add(key)
  }

  /** The newest that was never made, else what has been due again for longest. */
  #next(): string | undefined {
    for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) {
      if (this.#announcements.get(top)?.state === 'fresh') return top
      this.#stack.pop()
    }
    const [due] = this.#due
    return due
  }

  #refill(nowMs: number): void {
    const { perSecond, burst } = this.#pace
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#refilledAtMs) * perSecond) / 1_000)
    this.#refilledAtMs = nowMs
  }
}
