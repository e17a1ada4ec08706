/**
 * The client of origin registries: Docker Hub, GHCR, a registry in the cluster. It implements `Origin` from
 * `@shoal/content` over HTTP(S), and knows what such registries do in practice: token services, redirects to
 * object stores, rate limits, connections that break.
 *
 * - **Which registries.** By default any public one works without settings, over https, and only at public
 *   addresses: the name in an image reference, a redirect or a token service must not make this node dial its
 *   own network. {@link UpstreamSettings} names the rest (private, without TLS, with credentials); `only`
 *   closes all others.
 * - **Credentials** come from the settings or from what Docker, Podman and kubelet use ({@link dockerConfig},
 *   {@link kubeletProviders}). They go to the registry that they are for and to its own token service, never along with a
 *   redirect, and into no message. Tokens are cached for each repository, and asked for once however many
 *   wait.
 * - **Mirrors** of a registry are asked before it, in order; one in trouble rests for half a minute. They get no credentials
 *   but their own.
 * - **Pace.** A `Retry-After` that one request got holds for all of this node's requests to that registry, and
 *   `requestsPerSecond` and `maxConnections` bound them.
 * - **Access.** `origin.access` asks registries whom they let read what: nobody in particular, or a client of this node,
 *   with whose credentials a repository is then read for a while.
 * - **Failures** are an `OriginError`, whose `fault` says what they mean. Broken connections, 5xx and short
 *   `Retry-After` are tried again, three times within ten seconds. A body that ends early or stalls throws
 *   from its iterator: ask again for the range that is missing. An aborted signal rejects with its own
 *   reason.
 * - **Bodies** are read from the network as fast as they are iterated. Content is held to its announced
 *   length, but not to its digest: that is for whoever stores it. A body that is neither read nor returned
 *   keeps its connection until the signal given to `fetch` aborts.
 *
 * @example
 * ```ts
 * const origin = createOrigin({
 *   upstreams: [{ registry: 'registry.corp:5000', url: 'http://10.0.0.5:5000', username: 'node', password }],
 * })
 * const repository = { registry: 'docker.io', name: 'library/nginx' }
 * const { digest } = await origin.resolve(repository, '1.29')           // HEAD, with an anonymous token
 * const address = { repository, kind: 'blob', digest: layer.digest } as const
 * const content = await origin.fetch(address, { range: { start: 0, end: 262_144 } })
 * for await (const piece of content.body) hash.update(piece)
 * await origin.stop()
 * ```
 *
 * @packageDocumentation
 */
export { createOrigin, type RunningOrigin } from './create-origin.ts'
export type { CredentialSource, RegistrySubject } from './credentials/credential-source.ts'
export { dockerConfig } from './credentials/docker-config.ts'
export { kubeletProviders } from './credentials/kubelet-providers.ts'
export type { HostLookup, MirrorSettings, OriginInit, UpstreamSettings } from './origin-init.ts'
