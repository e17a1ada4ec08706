import { InvalidInputError, parseRegistryHost, parseRepositoryName, type Repository } from '@shoal/content'
import { RequestError } from './request-error.ts'

const dockerHub = 'docker.io'

/** The repository at its upstream that a request means. */
export interface UpstreamRoute {
  readonly repository: Repository
  /** The `ns` parameter as it came: answered in `OCI-Namespace`. */
  readonly namespace: string | undefined
  /** The name as it stood in the path: links to further pages repeat it. */
  readonly requestedName: string
}

/**
 * Finds the upstream: `ns` names it (containerd, Docker's containerd store); else the first component of the
 * path does when it looks like a registry (`docker.io`, `localhost`, `localhost_5000` for `localhost:5000`),
 * as Podman and CRI-O send it; else it is Docker Hub (Docker's `registry-mirrors`). A path that repeats the
 * `ns` as its first component (containerd's `override_path`) means the same as without.
 *
 * @param components the name's path components, percent-decoded
 * @throws RequestError `NAME_INVALID`
 */
export function routeToUpstream(
  components: readonly string[],
  namespaces: readonly string[] = [],
): UpstreamRoute {
  const requestedName = components.join('/')
  const [namespace] = namespaces
  if (namespaces.length > 1) throw invalidName(`"ns" is given ${namespaces.length} times; expected once`)
  try {
    const prefix = registryPrefix(components)
    const registry = parseRegistryHost(namespace ?? prefix ?? dockerHub)
    const repeats = prefix !== undefined && (namespace === undefined || prefix === namespace)
    const name = (repeats ? components.slice(1) : components).join('/')
    return { repository: { registry, name: fullName(registry, name) }, namespace, requestedName }
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw invalidName(cause.message, cause)
    throw cause
  }
}

/** The registry that the first component spells, if it does and if a name follows it. */
function registryPrefix([first = '', ...rest]: readonly string[]): string | undefined {
  if (rest.length === 0) return undefined
  const withPort = /^(?<host>.+)[_:](?<port>\d{1,5})$/.exec(first)?.groups
  if (withPort !== undefined) return `${withPort.host}:${withPort.port}`
  return first.includes('.') || first === 'localhost' ? first : undefined
}

/** Docker Hub's official images live under `library/`. */
function fullName(registry: string, name: string): string {
  return parseRepositoryName(registry === dockerHub && !name.includes('/') ? `library/${name}` : name)
}

function invalidName(message: string, cause?: unknown): RequestError {
  return new RequestError('NAME_INVALID', message, { status: 400, reason: 'invalid-name', cause })
}
