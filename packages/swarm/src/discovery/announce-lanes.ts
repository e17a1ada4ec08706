/** Each waits for the slowest of six peers; one that hangs must not hold up all. */
const most = 4
/** Among peers with time to spare an announcement takes some tens of milliseconds. */
const slowMs = 1_000
const widening = 1 / 4

/**
 * How many announcements a node makes at the same time: fewer when they take long. Then those who are told are busy,
 * perhaps with the announcements of all the others, and would be told no sooner if more waited for them. Begins with one,
 * as all nodes of a cluster may begin at once; grows by addition and shrinks by halves, as TCP's window does.
 */
export class AnnounceLanes {
  #width = 1
  #running = 0

  get isFree(): boolean {
    return this.#running < Math.floor(this.#width)
  }

  begin(): void {
    this.#running++
  }

  end(tookMs: number): void {
    this.#running--
    if (tookMs > slowMs) this.#width = Math.max(1, this.#width / 2)
    else this.#width = Math.min(most, this.#width + widening)
  }
}
