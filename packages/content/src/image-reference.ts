import { type Digest, parseDigest } from './digest.ts'
import { InvalidInputError } from './errors.ts'

/** A repository in a registry: `docker.io` and `library/nginx`. */
export interface Repository {
  /** Host, with a port when it is not the default: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** The name as the registry's API knows it. */
  readonly name: string
}

/** An image as a person names it. One of `tag` and `digest` is always there; both may be. */
export interface ImageReference extends Repository {
  readonly tag?: string
  readonly digest?: Digest
}

/** From the OCI Distribution specification 1.1, "Pulling manifests". */
const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const hostPattern =
  /^(?:\[[0-9a-fA-F:]{2,45}\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::([0-9]{1,5}))?$/

/** Many clients cap host and name together at this many characters. */
const maxNameLength = 255

const defaultRegistry = 'docker.io'
const dockerHubAliases = new Set(['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

/**
 * Reads an image reference as Docker does: `nginx` is `docker.io/library/nginx:latest`; the part before the
 * first slash is a registry when it has a dot or a port, or is `localhost`.
 *
 * @throws InvalidInputError `REFERENCE_INVALID`, `NAME_INVALID`, `TAG_INVALID` or `DIGEST_INVALID`
 */
export function parseImageReference(text: string): ImageReference {
  if (text.length > 1024)
    throw new InvalidInputError('REFERENCE_INVALID', 'image reference over 1024 characters')
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1))
  const named = at < 0 ? text : text.slice(0, at)

  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const path = colon < 0 ? named : named.slice(0, colon)
  const tag = colon < 0 ? undefined : parseTag(named.slice(colon + 1))

  const repository = splitRegistry(path)
  if (digest === undefined) return { ...repository, tag: tag ?? 'latest' }
  return tag === undefined ? { ...repository, digest } : { ...repository, tag, digest }
}

/** The canonical text of a reference: always with its registry, and never with an implied tag. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return `${reference.registry}/${reference.name}${tag}${digest}`
}

/** @throws InvalidInputError `NAME_INVALID` */
export function parseRepositoryName(text: string): string {
  if (text.length > maxNameLength || !namePattern.test(text)) {
    throw new InvalidInputError(
      'NAME_INVALID',
      `malformed repository name ${JSON.stringify(text.slice(0, 160))}: expected lower-case path components such as library/nginx`,
    )
  }
  return text
}

/** @throws InvalidInputError `TAG_INVALID` */
export function parseTag(text: string): string {
  if (!tagPattern.test(text)) {
    throw new InvalidInputError(
      'TAG_INVALID',
      `malformed tag ${JSON.stringify(text.slice(0, 160))}: expected up to 128 of A-Z a-z 0-9 _ . -`,
    )
  }
  return text
}

/**
 * Reads a registry's host and gives it one spelling: lower case, Docker Hub's other names folded to
 * `docker.io`.
 *
 * @throws InvalidInputError `REGISTRY_INVALID`
 */
export function parseRegistryHost(text: string): string {
  const match = text.length <= maxNameLength ? hostPattern.exec(text) : null
  if (match === null || (match[1] !== undefined && !isPort(match[1]))) {
    throw new InvalidInputError(
      'REGISTRY_INVALID',
      `malformed registry ${JSON.stringify(text.slice(0, 160))}: expected host or host:port`,
    )
  }
  const host = text.toLowerCase()
  return dockerHubAliases.has(host) ? defaultRegistry : host
}

function splitRegistry(path: string): Repository {
  const slash = path.indexOf('/')
  const first = slash < 0 ? '' : path.slice(0, slash)
  const isRegistry = /[.:[]/.test(first) || first === 'localhost' || first.toLowerCase() !== first
  const registry = isRegistry ? parseRegistryHost(first) : defaultRegistry
  const rest = isRegistry ? path.slice(slash + 1) : path
  const name = registry === defaultRegistry && !rest.includes('/') ? `library/${rest}` : rest
  return { registry, name: parseRepositoryName(name) }
}

function isPort(text: string): boolean {
  const port = Number(text)
  return port > 0 && port < 65_536
}
