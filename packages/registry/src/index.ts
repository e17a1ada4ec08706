/**
 * The registry that the container runtimes of a node pull from: the pull side of OCI Distribution 1.1 over
 * plain HTTP, in front of this node's cache, the swarm and the origin registries.
 *
 * A request's way: {@link createRegistry} takes the connection, `router` reads the request line and finds the
 * upstream (`ns=`, a registry as the path's first component, else docker.io), a handler for manifests, blobs
 * or listings asks the {@link ContentSource} or the {@link Origin}, and `body-sender` streams what comes.
 *
 * Its rules follow from what each client does on each fault:
 * - What can't be served is a 404 with an OCI error body, at once or when a watchdog runs out, because that
 *   sends every client elsewhere. An origin's 429 and 5xx are never passed on; the error's
 *   `detail.reason` says what it was.
 * - `Content-Length` is always set, and a body that has to break ends in FIN, never RST: then clients resume.
 * - Manifests are verified in memory before their first byte is sent. Nothing is ever content-encoded.
 * - Whoever asks is let in to a repository first ({@link OriginAccess}): to a public one everybody, to another whom its
 *   registry lets in with the credentials that the client brings in answer to a 401. Content is served only in a
 *   repository that has it: a digest alone opens nothing, cached or not.
 * - Referrers are what the registry lists, or what the fallback tag holds where it has no such API.
 * - A tag is what its origin says now. While the origin is down, what was last known serves, with a
 *   `Warning`.
 *
 * @example
 * ```ts
 * const registry = createRegistry(
 *   { content, origin, metadata, tagHints, onEvent: (event) => log.debug(event) },
 *   { listen: '127.0.0.1:5005', staleTagMaxAgeMs: 3_600_000 },
 * )
 * await registry.start()
 * const { host, port } = registry.address
 * const url = `http://${host}:${port}/v2/library/nginx/manifests/latest?ns=docker.io`
 * console.log((await fetch(url)).headers.get('docker-content-digest'))
 * await registry.stop() // pulls that are under way get 5 s
 * ```
 *
 * @packageDocumentation
 */
export type {
  DegradedEvent,
  Outcome,
  RegistryEvent,
  RegistryListener,
  RequestEvent,
} from './events.ts'
export { type InheritedSocket, type ListenAddress, ListenError } from './listen-address.ts'
export { createRegistry, type Registry, type RegistryComponents, type RegistryInit } from './registry.ts'
export type { OciErrorCode } from './request-error.ts'
export type { RouteKind } from './router.ts'
