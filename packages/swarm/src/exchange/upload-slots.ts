import { SpeedMeter } from '../speed-meter.ts'

/** With fewer, a link stands idle while the few that are sent to have no room. */
const minSlots = 12
/** So many chunks are in memory at the most. */
const maxSlots = 24
/**
 * What goes out in this time may be on its way: from the grant of a slot to the word that the chunk is in, messages travel
 * four times, and where that takes as long as some chunks, a slot for each of these keeps the link busy.
 */
const onTheWaySeconds = 0.15

/** How many chunks a node sends at the same time. */
export class UploadSlots {
  readonly #speed: SpeedMeter
  #chunkBytes = Number.POSITIVE_INFINITY

  constructor(now: number) {
    this.#speed = new SpeedMeter(now)
  }

  get count(): number {
    const onTheWay = Math.ceil((this.#speed.bytesPerSecond * onTheWaySeconds) / this.#chunkBytes)
    return Math.min(maxSlots, Math.max(minSlots, onTheWay))
  }

  /** A chunk is in. */
  sent(bytes: number, now: number): void {
    this.#chunkBytes = bytes
    this.#speed.add(bytes, now)
  }
}
