import type { Logger } from './logging.ts'

interface Closer {
  readonly name: string
  readonly close: () => Promise<void> | void
  /** How long it may take before the next one is closed all the same, in milliseconds. */
  readonly deadlineMs: number
}

/** What was opened, to be closed in reverse order; each within its deadline, none keeping the next from closing. */
export class Closers {
  readonly #open: Closer[] = []
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  add(name: string, deadlineMs: number, close: Closer['close']): void {
    this.#open.push({ name, close, deadlineMs })
  }

  async closeAll(): Promise<void> {
    for (let closer = this.#open.pop(); closer !== undefined; closer = this.#open.pop()) {
      await this.#close(closer)
    }
  }

  async #close({ name, close, deadlineMs }: Closer): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    const timer = setTimeout(resolve, deadlineMs, 'late')
    try {
      const outcome = await Promise.race([Promise.resolve(close()), late])
      if (outcome === 'late') this.#log.warn({ part: name, deadlineMs }, 'closing took too long and was left')
    } catch (err) {
      this.#log.error({ part: name, err }, 'closing failed')
    } finally {
      clearTimeout(timer)
    }
  }
}
