import { access, constants, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from './config/environment.ts'
import { readableFault } from './readable-fault.ts'
import { StartError } from './start-error.ts'

/** Where an agent keeps its state when nobody says: the system's place for root, the user's own otherwise. */
export function defaultDataDir(environment: Environment, isRoot = process.getuid?.() === 0): string {
  if (isRoot) return '/var/lib/shoal'
  // The XDG base directory specification says to ignore a relative path.
  const state = environment.XDG_STATE_HOME
  return join(state?.startsWith('/') ? state : join(homedir(), '.local', 'state'), 'shoal')
}

/** Makes the directory if need be, for this user alone: it holds the node's identity and private images. */
export async function prepareDataDir(dataDir: string, nameOf: (path: string) => string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StartError(
      `can't use the data directory ${dataDir} (${nameOf('dataDir')}): ${readableFault(error)}; name one that this user can write`,
      { cause: error },
    )
  }
}
