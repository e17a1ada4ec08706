import { type Given, type Layer, layerOf } from './layer.ts'
import { nearest } from './nearest.ts'
import type { Setting } from './setting-list.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The one variable that names no setting. */
export const configVariable = 'SHOAL_CONFIG'

/** Reads `SHOAL_*`. An empty variable counts as not set: templates often leave them so. */
export function environmentLayer(environment: Environment, settings: readonly Setting[]): Layer {
  const given: [Setting, Given][] = []
  for (const setting of settings) {
    const value = environment[setting.variable]?.trim()
    if (value !== undefined && value !== '') given.push([setting, read(setting, value)])
  }
  return layerOf(given, settings, (setting) => setting.variable)
}

/**
 * Variables that look like a mistyped setting. Not an error: a Kubernetes Service named "shoal" puts
 * variables of its own under this prefix.
 */
export function doubtfulVariables(environment: Environment, settings: readonly Setting[]): string[] {
  const known = [configVariable, ...settings.map(({ variable }) => variable)]
  return Object.keys(environment)
    .filter((name) => name.startsWith('SHOAL_') && !known.includes(name))
    .filter((name) => !/_SERVICE_|_PORT(?:_|$)/.test(name) && nearest(name, known) !== undefined)
}

function read(setting: Setting, value: string): Given {
  if (setting.list) return value.split(/[\s,]+/).filter((entry) => entry !== '')
  if (setting.argument !== undefined) return value
  // A switch. Anything else stays a text, so that the schema's check names it.
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : value
}
