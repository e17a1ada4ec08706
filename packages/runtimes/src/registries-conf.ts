import { insertBlock, markedBlock } from './marked-block.ts'
import { parseToml, quote, valueAt } from './toml-document.ts'

/** A `[[registry]]` table. */
export interface RegistryTable {
  /** Its place among the file's. */
  readonly index: number
  readonly prefix: string
  /** Where pulls go, with the path that takes the place of the prefix. */
  readonly location: string
  readonly blocked: boolean
  readonly mirrors: readonly string[]
}

/** @throws RuntimesError when it is not valid: then Podman, Buildah, Skopeo and CRI-O pull nothing at all */
export function readRegistriesConf(text: string, path: string): readonly RegistryTable[] {
  const tables = valueAt(parseToml(text, path).value, 'registry')
  if (!Array.isArray(tables)) return []
  return tables.map((table: unknown, index) => {
    const location = String(valueAt(table, 'location') ?? '')
    const prefix = String(valueAt(table, 'prefix') ?? '') || location
    const mirrors = valueAt(table, 'mirror')
    return {
      index,
      prefix,
      location: location || prefix,
      blocked: valueAt(table, 'blocked') === true,
      mirrors: Array.isArray(mirrors)
        ? mirrors.map((mirror) => String(valueAt(mirror, 'location') ?? ''))
        : [],
    }
  })
}

/** Where the shim (`host:port`) has what is at a location: the path names the registry, a colon as `_`. */
export function mirrorOf(location: string, shim: string): string {
  const [host = '', ...rest] = location.split('/')
  return [shim, host.replace(':', '_'), ...rest].join('/')
}

/** A file of ours, for registries that no other file speaks of. */
export function newRegistriesConf(registries: readonly string[], shim: string): string {
  const tables = registries.map((registry) => {
    const names = `[[registry]]\nprefix = ${quote(registry)}\nlocation = ${quote(registry)}`
    return `${names}\n${mirrorTable(registry, shim)}`
  })
  return markedBlock({ text: tables.join('\n\n') })
}

/** The text with the shim as first mirror of a table that is there. */
export function addRegistryMirror(
  text: string,
  { index, location }: Pick<RegistryTable, 'index' | 'location'>,
  { shim, path }: { shim: string; path: string },
): string {
  const spans = parseToml(text, path).tables.filter(({ key }) => key[0] === 'registry' && key[1] === index)
  const [own, ...below] = spans
  const before = below.find(({ key }) => key[2] === 'mirror')
  return insertBlock(text, before?.start ?? own?.end ?? text.length, { text: mirrorTable(location, shim) })
}

/** `insecure` is plain HTTP; the way ends in this node. */
function mirrorTable(location: string, shim: string): string {
  return `[[registry.mirror]]\nlocation = ${quote(mirrorOf(location, shim))}\ninsecure = true`
}
