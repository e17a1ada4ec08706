import type { CacheEvent } from '@shoal/cache'
import type { Logger } from './logging.ts'
import type { Metrics } from './metrics.ts'

/** Keeps the books on what the cache does on its own, and writes the log's lines about it. */
export class CacheBooks {
  readonly #log: Logger
  readonly #metrics: Metrics

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log
    this.#metrics = metrics
  }

  record(event: CacheEvent): void {
    this.#metrics.recordCache(event)
    const { type: _, ...fields } = event
    switch (event.type) {
      case 'evicted':
        return this.#log.debug(fields, 'blob evicted')
      case 'damaged':
        return this.#log.warn(fields, 'a stored blob is damaged; it will be fetched again')
      case 'not-storing':
        return this.#log.warn(fields, 'blobs are passed through without being stored')
      case 'storing-again':
        return this.#log.info(fields, 'blobs are stored again')
      case 'failed':
        return this.#log.warn(
          { operation: event.operation, err: event.error },
          'the cache could not do its upkeep',
        )
    }
  }
}
