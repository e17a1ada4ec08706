import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from './config/environment.ts'

/** Where an agent keeps its state when nobody says: the system's place for root, the user's own otherwise. */
export function defaultDataDir(environment: Environment, isRoot = process.getuid?.() === 0): string {
  if (isRoot) return '/var/lib/shoal'
  // The XDG base directory specification says to ignore a relative path.
  const state = environment.XDG_STATE_HOME
  return join(state?.startsWith('/') ? state : join(homedir(), '.local', 'state'), 'shoal')
}
