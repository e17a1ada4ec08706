import { type Cache, openCache, openDetachedCache } from '@shoal/cache'
import { type AbortOptions, StoreError } from '@shoal/content'
import type { CacheBooks } from './cache-books.ts'
import { parseSpaceAmount } from './config/byte-size.ts'
import type { AgentConfig } from './config/load-config.ts'
import type { Logger } from './logging.ts'
import { systemCodeOf } from './readable-fault.ts'
import { StartError } from './start-error.ts'

export interface AgentCache {
  readonly cache: Cache
  /** Whether the data directory can be used. If not, pulls are passed through and nothing is kept. */
  readonly isAttached: boolean
}

/**
 * Opens the cache as it is configured. A disk that is full or read-only keeps no pull from working: then the cache is
 * one that stores nothing.
 *
 * @throws StartError for a data directory that can't be right, or is another agent's
 */
export async function openAgentCache(
  { settings, nameOf }: AgentConfig,
  { books, log }: { readonly books: CacheBooks; readonly log: Logger },
  { signal }: AbortOptions = {},
): Promise<AgentCache> {
  try {
    const cache = await openCache({
      dataDir: settings.dataDir,
      quota: parseSpaceAmount(settings.cache.quota),
      minFree: parseSpaceAmount(settings.cache.minFree),
      containerdContent: settings.cache.containerdContent,
      onEvent: (event) => books.record(event),
      ...(signal && { signal }),
    })
    const { adopted, removed, indexRebuilt } = cache.recovery
    if (indexRebuilt) log.warn({ adopted, removed }, 'the cache had lost its index, and made it anew')
    else log.debug({ adopted, removed }, 'cache opened')
    return { cache, isAttached: true }
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
    if (!isTemporary(cause)) throw new StartError(`${nameOf('dataDir')}: ${cause.message}`, { cause })
    books.record({ type: 'not-storing', fault: cause.fault, reason: cause.message })
    return { cache: await openDetachedCache(cause), isAttached: false }
  }
}

/** Nobody configured it wrong: the disk is full, or its errors made the system remount it read-only. */
function isTemporary(error: StoreError): boolean {
  return error.fault === 'disk-full' || systemCodeOf(error) === 'EROFS'
}
