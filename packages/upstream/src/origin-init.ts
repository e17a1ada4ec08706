import type { LookupAddress } from 'node:dns'

/** How to reach one registry: what `--upstream <registry>=<url>` says, and its credentials. */
export interface UpstreamSettings {
  /** The registry as image names spell it: `docker.io`, `registry.corp:5000`. */
  readonly registry: string
  /**
   * Where its API is: `https:`, or `http:` for one without TLS. A path is a prefix: `/v2` is appended to it,
   * unless one of its segments is `v2` already (`https://harbor.corp/v2/dockerhub-proxy`).
   */
  readonly url: string
  /** Sent to the registry, and to its token service, when they ask. Both or neither. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Certificates (PEM) to trust for this registry, instead of those that Node trusts. */
  readonly ca?: string | readonly string[] | undefined
  /**
   * The token service, such as `https://auth.corp`, when it is neither on the registry's own host nor a
   * neighbour in its domain (`auth.docker.io` of `registry-1.docker.io`). Only these get the credentials.
   */
  readonly tokenService?: string | undefined
}

/** Finds all addresses of a host name. */
export type HostLookup = (hostname: string) => Promise<readonly LookupAddress[]>

export interface OriginInit {
  /** Registries that need settings. Only these may be private or without TLS. */
  readonly upstreams?: readonly UpstreamSettings[] | undefined
  /** Refuse registries that `upstreams` does not name. @default false */
  readonly only?: boolean | undefined
  /** TCP and TLS handshake, with the name look-up, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number | undefined
  /**
   * From asking (a wait for a free connection included) to the head of the answer, in milliseconds. @default
   * 10000
   */
  readonly answerTimeoutMs?: number | undefined
  /** The longest pause between two pieces of a body that is being read, in milliseconds. @default 10000 */
  readonly stallTimeoutMs?: number | undefined
  /** For all of a document that is read whole (a token, a list of tags), in milliseconds. @default 30000 */
  readonly documentTimeoutMs?: number | undefined
  /** Connections to one host. @default 32 */
  readonly maxConnections?: number | undefined
  /** @default 'shoal' */
  readonly userAgent?: string | undefined
  /** @default the system's resolver */
  readonly lookup?: HostLookup | undefined
  /** Milliseconds since the epoch. @default Date.now */
  readonly now?: (() => number) | undefined
  /** From 0 to 1, for jitter. @default Math.random */
  readonly random?: (() => number) | undefined
}

/** The time limits of {@link OriginInit}, all set. */
export interface Timeouts {
  readonly connectMs: number
  readonly answerMs: number
  readonly stallMs: number
  readonly documentMs: number
}

export function timeoutsOf(init: OriginInit): Timeouts {
  return {
    // A handshake takes a few round trips: after five seconds nobody is there.
    connectMs: init.connectTimeoutMs ?? 5_000,
    // Registries answer in well under a second; clients of the shim have no such limit of their own.
    answerMs: init.answerTimeoutMs ?? 10_000,
    stallMs: init.stallTimeoutMs ?? 10_000,
    // 4 MiB at 140 kB/s.
    documentMs: init.documentTimeoutMs ?? 30_000,
  }
}
