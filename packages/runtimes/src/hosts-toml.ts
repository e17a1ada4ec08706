import { isDeepStrictEqual } from 'node:util'
import { RuntimesError } from './errors.ts'
import { insertBlock } from './marked-block.ts'
import { parseToml, quote, type TomlValue } from './toml-document.ts'

/** What a hosts.toml says, in the order in which the runtime asks. */
export interface HostsToml {
  readonly hosts: readonly string[]
  /** Hosts over plain HTTP with `ca` or `skip_verify`: the runtime then tries TLS on them first. */
  readonly confused: readonly string[]
}

/** @throws RuntimesError when it is not valid, which the runtime takes for "no such file" */
export function readHostsToml(text: string, path: string): HostsToml {
  const hosts = hostsOf(parseToml(text, path).value)
  const confused = Object.entries(hosts)
    .filter(([url, settings]) => url.startsWith('http://') && ('ca' in settings || 'skip_verify' in settings))
    .map(([url]) => url)
  return { hosts: Object.keys(hosts), confused }
}

/**
 * The text with the shim in front of the hosts that are there; what the admin wrote stays as it is.
 *
 * `resolve` lets tags go through the shim as well. Nothing else is set: without `server` the registry itself comes
 * last, so that a node without its agent pulls as before.
 */
export function addShim(text: string, shim: string, path: string): string {
  const document = parseToml(text, path)
  const first = document.tables.find(({ key }) => key[0] === 'host')
  const block = { text: `[host.${quote(shim)}]\n  capabilities = ["pull", "resolve"]` }
  const result = insertBlock(text, first?.start ?? text.length, block)
  if (isInFront(result, shim, document.value, path)) return result
  throw new RuntimesError(
    'unreadable-file',
    `${path} can't be extended; put a table [host.${quote(shim)}] first`,
  )
}

function isInFront(text: string, shim: string, before: TomlValue, path: string): boolean {
  try {
    const { value } = parseToml(text, path)
    const { [shim]: own, ...others } = hostsOf(value)
    const [first] = Object.keys(hostsOf(value))
    return first === shim && own !== undefined && isDeepStrictEqual(others, { ...hostsOf(before) })
  } catch (error) {
    if (error instanceof RuntimesError) return false
    throw error
  }
}

function hostsOf({ host = {} }: TomlValue): Readonly<Record<string, TomlValue>> {
  return host as Record<string, TomlValue>
}
