import { type Digest, InvalidInputError, parseDigest, parseTag } from '@shoal/content'
import { RequestError } from './request-error.ts'
import { routeToUpstream, type UpstreamRoute } from './upstream-route.ts'

/** Names are at most 255 characters and tags 128; `last`, `artifactType` and `ns` fit in the rest. */
const maxTargetLength = 4096

export interface PingRoute {
  readonly kind: 'ping'
}

export interface ManifestRoute extends UpstreamRoute {
  readonly kind: 'manifest'
  readonly reference: { readonly tag: string } | { readonly digest: Digest }
}

export interface BlobRoute extends UpstreamRoute {
  readonly kind: 'blob'
  readonly digest: Digest
}

export interface TagsRoute extends UpstreamRoute {
  readonly kind: 'tags'
  /** The query without `ns` and without the question mark. */
  readonly query: string
}

export interface ReferrersRoute extends UpstreamRoute {
  readonly kind: 'referrers'
  readonly digest: Digest
  /** The query without `ns` and without the question mark. */
  readonly query: string
}

/** A write, or a question about one. */
export interface PushRoute extends UpstreamRoute {
  readonly kind: 'push'
  readonly method: string
  /** Below the repository. */
  readonly path: string
  /** The query without `ns` and without the question mark. */
  readonly query: string
}

/** What a client reads of a repository. */
export type RepositoryRoute = ManifestRoute | BlobRoute | TagsRoute | ReferrersRoute
export type Route = PingRoute | PushRoute | RepositoryRoute
export type RouteKind = Route['kind']

/**
 * Reads a request line. `target` is the request target as it came over the wire: nothing has normalised it,
 * so dots, escapes and doubled slashes are seen as they are.
 *
 * @throws RequestError for what the shim does not serve
 */
export function route(method: string, target: string, { takesPushes = false } = {}): Route {
  if (target.length > maxTargetLength) throw tooLong(target.length)
  const [path = '', query = ''] = splitTarget(target)
  const components = path.split('/').map(decode)
  if (components[0] !== '' || components[1] !== 'v2') throw unsupportedPath(path)
  const rest = components.slice(2)
  const pushed = takesPushes ? routePush(method, rest, new URLSearchParams(query)) : undefined
  if (pushed !== undefined) return pushed
  if (method !== 'GET' && method !== 'HEAD') throw unsupportedMethod(method)

  if (rest.length === 0 || (rest.length === 1 && rest[0] === '')) return { kind: 'ping' }
  return routeRepository(path, rest, new URLSearchParams(query))
}

/**
 * Whether a client that asks for this has not yet chosen where to pull from, so that a refusal costs it nothing. With a
 * manifest's digest and with blobs it may be in the middle of a pull, and Podman, Skopeo and CRI-O stay with their choice.
 */
export function beginsPull(asked: Route): boolean {
  return asked.kind === 'ping' || (asked.kind === 'manifest' && 'tag' in asked.reference)
}

const writing = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** `blobs/uploads/…` whatever the method, and writes to `blobs/<digest>` and `manifests/<reference>`. */
function routePush(
  method: string,
  components: readonly string[],
  query: URLSearchParams,
): PushRoute | undefined {
  const uploads = components.lastIndexOf('uploads')
  const isUpload = uploads > 1 && components[uploads - 1] === 'blobs'
  if (!isUpload && !writing.has(method)) return undefined
  const verbAt = isUpload ? uploads - 1 : components.length - 2
  const verb = components[verbAt]
  if (verbAt < 1 || (verb !== 'blobs' && verb !== 'manifests')) return undefined
  const namespaces = query.getAll('ns')
  query.delete('ns')
  const path = components.slice(verbAt).map(encodeURIComponent).join('/').replaceAll('%3A', ':')
  const upstream = routeToUpstream(components.slice(0, verbAt), namespaces)
  mountByUpstreamName(query, upstream, namespaces)
  return { kind: 'push', method, path, query: query.toString(), ...upstream }
}

/** The repository to mount a blob from is named as the target is: with its registry in front, if that is. */
function mountByUpstreamName(
  query: URLSearchParams,
  { repository }: UpstreamRoute,
  namespaces: readonly string[],
): void {
  const from = query.get('from')
  if (from === null || from === '') return
  const source = routeToUpstream(from.split('/'), namespaces).repository
  if (source.registry === repository.registry) return query.set('from', source.name)
  // Another registry's blob can't be mounted: without these it is an upload, which is what clients are ready for.
  query.delete('from')
  query.delete('mount')
}

function routeRepository(path: string, components: readonly string[], query: URLSearchParams): Route {
  const verb = components.at(-2) ?? ''
  const reference = components.at(-1) ?? ''
  const namespaces = query.getAll('ns')
  query.delete('ns')
  const upstream = (): UpstreamRoute => routeToUpstream(components.slice(0, -2), namespaces)

  if (components.length < 3 || reference === '') throw unsupportedPath(path)
  if (verb === 'tags' && reference === 'list') return { kind: 'tags', query: query.toString(), ...upstream() }
  if (verb === 'manifests') {
    return { kind: 'manifest', reference: readReference(reference), ...upstream() }
  }
  if (verb === 'blobs') return { kind: 'blob', digest: readDigest(reference), ...upstream() }
  if (verb === 'referrers') {
    return { kind: 'referrers', digest: readDigest(reference), query: query.toString(), ...upstream() }
  }
  throw unsupportedPath(path)
}

/** Also in absolute form (`GET http://host/v2/`), which every HTTP/1.1 server has to take. */
function splitTarget(target: string): readonly [string, string] {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? ''
  const relative = target.slice(origin.length)
  const mark = relative.indexOf('?')
  return mark < 0 ? [relative, ''] : [relative.slice(0, mark), relative.slice(mark + 1)]
}

/** Decodes one path component, once. What would then hold a slash, an escape or a control is refused. */
function decode(component: string): string {
  if (!component.includes('%')) return component
  let decoded: string
  try {
    decoded = decodeURIComponent(component)
  } catch (cause) {
    throw malformedPath(component, cause)
  }
  if (/[/\\%]|\p{Cc}/u.test(decoded)) throw malformedPath(component)
  return decoded
}

function readReference(text: string): ManifestRoute['reference'] {
  if (text.includes(':')) return { digest: readDigest(text) }
  try {
    return { tag: parseTag(text) }
  } catch (cause) {
    // OCI has no code for a malformed tag; it is one that no manifest can have.
    if (!(cause instanceof InvalidInputError)) throw cause
    throw new RequestError('MANIFEST_UNKNOWN', cause.message, { status: 404, reason: 'invalid-tag', cause })
  }
}

function readDigest(text: string): Digest {
  try {
    return parseDigest(text)
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause
    throw new RequestError('DIGEST_INVALID', cause.message, { status: 400, reason: 'invalid-digest', cause })
  }
}

function malformedPath(component: string, cause?: unknown): RequestError {
  const message = `malformed path component ${JSON.stringify(component.slice(0, 160))}`
  return new RequestError('NAME_INVALID', message, { status: 400, reason: 'invalid-name', cause })
}

function unsupportedPath(path: string): RequestError {
  const expected = ['manifests/<tag or digest>', 'blobs/<digest>', 'tags/list', 'referrers/<digest>']
  const message = `no such endpoint ${JSON.stringify(path.slice(0, 160))}: expected /v2/<name>/ and then ${expected.join(' | ')}`
  return new RequestError('UNSUPPORTED', message, { status: 404, reason: 'no-such-endpoint' })
}

function unsupportedMethod(method: string): RequestError {
  const message = `${method} is not supported: this registry only serves pulls; push to the upstream registry itself`
  const headers = { Allow: 'GET, HEAD' }
  return new RequestError('UNSUPPORTED', message, { status: 405, reason: 'method', headers })
}

function tooLong(length: number): RequestError {
  const message = `the request target has ${length} characters; the most that is accepted is ${maxTargetLength}`
  return new RequestError('NAME_INVALID', message, { status: 414, reason: 'target-too-long' })
}
