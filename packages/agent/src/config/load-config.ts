import type { UpstreamSettings } from '@shoal/upstream'
import { isLoopback, splitHostPort } from './addresses.ts'
import { configVariable, doubtfulVariables, type Environment, environmentLayer } from './environment.ts'
import { type Given, type Layer, layerOf, put, valueAt } from './layer.ts'
import { nearest } from './nearest.ts'
import { ConfigurationError, problemLines, show } from './problems.ts'
import { readUpstreams } from './read-upstreams.ts'
import { type Settings, settingsSchema } from './schema.ts'
import { keysAt, listSettings, type Setting } from './setting-list.ts'
import { readSecretFile } from './text-file.ts'
import { yamlLayer } from './yaml-file.ts'

/** Everything that an agent is told from outside: checked, complete, its secret files read. */
export interface AgentConfig {
  readonly settings: Settings
  readonly upstreams: readonly UpstreamSettings[]
  /** Undefined when no file was named: then the agent keeps one in its data directory. */
  readonly clusterSecret: string | undefined
  /** For the log, once there is one. */
  readonly warnings: readonly string[]
  /** How the person wrote a setting (`--registry-listen`, `SHOAL_…`, a place in a file), for error lines. */
  nameOf(path: string): string
}

export interface ConfigSources {
  /** Flags by their name with dashes (`--bootstrap`). */
  readonly flags: ReadonlyMap<string, Given>
  /** What stood on the command line and is no flag that we know. */
  readonly unknownArguments: readonly string[]
  readonly environment: Environment
  readonly defaults: { readonly dataDir: string }
}

/**
 * Settles the configuration: flags before environment before the YAML file before defaults, setting by
 * setting; a list given in one place replaces the list of a lower one.
 *
 * @throws ConfigurationError with a line for each problem found in any of the places
 */
export async function loadConfig(sources: ConfigSources): Promise<AgentConfig> {
  const schema = settingsSchema(sources.defaults)
  const settings = listSettings(sources.defaults)
  const layers = await readLayers(sources, settings)

  const problems = unknownArgumentLines(sources.unknownArguments, settings)
  for (const layer of layers) problems.push(...layer.problems, ...check(layer, schema))
  if (problems.length > 0) throw new ConfigurationError(problems)

  const { merged, nameOf } = merge(layers, settings)
  const parsed = schema.parse(merged)
  const conflicts = conflictLines(parsed, nameOf)
  if (conflicts.length > 0) throw new ConfigurationError(conflicts)
  const secrets = await readSecrets(parsed, nameOf)
  const warnings = doubtfulVariables(sources.environment, settings).map(
    (name) => `${name} is not a setting of Shoal and was ignored`,
  )
  return { settings: parsed, ...secrets, warnings, nameOf }
}

/** From the strongest to the weakest. */
async function readLayers(
  { flags, environment }: ConfigSources,
  settings: readonly Setting[],
): Promise<Layer[]> {
  const given = settings.flatMap((setting) => {
    const value = flags.get(setting.flag)
    return value === undefined ? [] : [[setting, value] as const]
  })
  const layers = [
    layerOf(given, settings, (setting) => setting.flag),
    environmentLayer(environment, settings),
  ]
  const flagged = flags.get('--config')
  const path = typeof flagged === 'string' ? flagged : environment[configVariable]
  if (path !== undefined && path !== '') {
    layers.push(await yamlLayer(path, flagged === undefined ? configVariable : '--config'))
  }
  return layers
}

function check(layer: Layer, schema: ReturnType<typeof settingsSchema>): string[] {
  const checked = schema.safeParse(layer.values)
  if (checked.success) return []
  return problemLines(checked.error.issues, {
    root: layer.values,
    nameOf: (path) => layer.nameOf(path),
    knownKeys: (path) => keysAt(schema, path),
  })
}

function merge(layers: readonly Layer[], settings: readonly Setting[]) {
  const merged: Record<string, unknown> = {}
  const names = new Map<string, string>()
  for (const { path, flag } of settings) {
    const keys = path.split('.')
    const layer = layers.find(({ values }) => valueAt(values, keys) !== undefined)
    if (layer !== undefined) put(merged, path, valueAt(layer.values, keys))
    names.set(path, layer?.nameOf(keys) ?? flag)
  }
  return { merged, nameOf: (path: string) => names.get(path) ?? path }
}

async function readSecrets(
  settings: Settings,
  nameOf: (path: string) => string,
): Promise<Pick<AgentConfig, 'upstreams' | 'clusterSecret'>> {
  const problems: string[] = []
  const read = async (file: string | undefined, name: string): Promise<string | undefined> => {
    if (file === undefined) return undefined
    const secret = await readSecretFile(file)
    if ('problem' in secret) problems.push(`${name}: ${secret.problem}`)
    return 'text' in secret ? secret.text : undefined
  }

  const clusterSecret = await read(settings.cluster.secretFile, nameOf('cluster.secretFile'))
  const section = nameOf('upstreams.registries')
  const { upstreams, problems: unread } = await readUpstreams(settings.upstreams.registries, section)
  problems.push(...unread)
  if (problems.length > 0) throw new ConfigurationError(problems)
  return { upstreams, clusterSecret }
}

/** Settings that are each right and don't go together. */
function conflictLines({ registry, credentials }: Settings, nameOf: (path: string) => string): string[] {
  const lines: string[] = []
  const host = splitHostPort(registry.listen)?.host ?? ''
  if (!registry.exposed && !isLoopback(host)) {
    lines.push(
      `${nameOf('registry.listen')}: got ${show(registry.listen)}, expected a loopback address, unless ${nameOf('registry.exposed')} is set`,
    )
  }
  if ((credentials.providerConfig === undefined) !== (credentials.providerBinDir === undefined)) {
    const names = [nameOf('credentials.providerConfig'), nameOf('credentials.providerBinDir')]
    lines.push(`${names.join(' and ')}: expected both, or neither`)
  }
  return lines
}

function unknownArgumentLines(unknown: readonly string[], settings: readonly Setting[]): string[] {
  const flags = ['--config', ...settings.map(({ flag }) => flag)]
  return unknown.map((argument) => {
    if (!argument.startsWith('-')) return `${show(argument)}: unexpected argument`
    const flag = argument.split('=')[0] ?? ''
    const meant = nearest(flag, flags)
    return `${flag.slice(0, 80)}: unknown flag; ${meant === undefined ? 'see --help' : `did you mean ${meant}?`}`
  })
}
