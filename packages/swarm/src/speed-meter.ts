/** Weight of the newest sample in the moving average. */
const gain = 0.3
/** Shorter samples would measure bursts. */
const sampleMs = 100

/** Speed of a transfer as an exponentially weighted moving average. */
export class SpeedMeter {
  #bytesPerSecond = 0
  #sampleStart: number
  #sampleBytes = 0

  constructor(now: number) {
    this.#sampleStart = now
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond
  }

  /** Begins a new sample: time that went by idle does not count. */
  restart(now: number): void {
    this.#sampleStart = now
    this.#sampleBytes = 0
  }

  add(bytes: number, now: number): void {
    this.#sampleBytes += bytes
    const elapsedMs = now - this.#sampleStart
    if (elapsedMs < sampleMs) return
    const sample = (this.#sampleBytes * 1000) / elapsedMs
    this.#bytesPerSecond =
      this.#bytesPerSecond === 0 ? sample : this.#bytesPerSecond + gain * (sample - this.#bytesPerSecond)
    this.restart(now)
  }
}
