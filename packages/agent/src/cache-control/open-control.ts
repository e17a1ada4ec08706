import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { openCache } from '@shoal/cache'
import { InvalidInputError, StoreError } from '@shoal/content'
import { parseSpaceAmount } from '../config/byte-size.ts'
import type { AgentConfig } from '../config/load-config.ts'
import { systemCodeOf } from '../readable-fault.ts'
import type { CacheControl } from './cache-control.ts'
import { LocalControl } from './local-control.ts'
import { RemoteControl } from './remote-control.ts'

/**
 * Control over the cache of a data directory: through the agent that runs on it, or without one.
 *
 * @param config - what an agent would run with, so that its limits hold for an import too
 * @param mayCreate - makes a cache where there is none, for an agent to come. @default false
 * @throws InvalidInputError `NO_CACHE` when nothing is there; StoreError
 */
export async function openControl(
  { settings }: Pick<AgentConfig, 'settings'>,
  { mayCreate = false }: { readonly mayCreate?: boolean } = {},
): Promise<CacheControl> {
  const { dataDir } = settings
  if (!mayCreate) await requireCache(dataDir)
  try {
    const cache = await openCache({
      dataDir,
      quota: parseSpaceAmount(settings.cache.quota),
      minFree: parseSpaceAmount(settings.cache.minFree),
    })
    return new LocalControl({ cache, close: () => cache.stop() })
  } catch (error) {
    if (!(error instanceof StoreError) || error.fault !== 'in-use') throw error
    return reachAgent(dataDir)
  }
}

/** Looking at a cache must not make one. */
async function requireCache(dataDir: string): Promise<void> {
  try {
    await access(join(dataDir, 'blobs'))
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOENT') throw cause
    throw new InvalidInputError('NO_CACHE', `there is no cache in ${dataDir}; name the agent's --data-dir`, {
      cause,
    })
  }
}

async function reachAgent(dataDir: string): Promise<CacheControl> {
  try {
    return await RemoteControl.open(dataDir)
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOENT') throw cause
    throw new InvalidInputError('NO_AGENT', `something else than an agent has the cache in ${dataDir} open`, {
      cause,
    })
  }
}
