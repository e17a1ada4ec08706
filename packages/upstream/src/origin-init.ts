import type { LookupAddress } from 'node:dns'
import type { CredentialSource } from './credentials/credential-source.ts'

/** How to reach one server of a registry. */
export interface MirrorSettings {
  /**
   * Where its API is: `https:`, or `http:` for one without TLS. A path is a prefix: `/v2` is appended to it,
   * unless one of its segments is `v2` already (`https://harbor.corp/v2/dockerhub-proxy`).
   */
  readonly url: string
  /** Sent to the server, and to its token service, when they ask. Both or neither. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Certificates (PEM) to trust for this server, instead of those that Node trusts. */
  readonly ca?: string | readonly string[] | undefined
  /** A client certificate (PEM) and its key. Both or neither. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Connections at a time, each with one request. @default that of {@link OriginInit} */
  readonly maxConnections?: number | undefined
  /** Requests beyond this wait a little, then fail as `rate-limited`. @default no limit */
  readonly requestsPerSecond?: number | undefined
}

/** How to reach one registry: what `--upstream <registry>=<url>` says, and its credentials. */
export interface UpstreamSettings extends MirrorSettings {
  /** The registry as image names spell it: `docker.io`, `registry.corp:5000`. */
  readonly registry: string
  /**
   * The token service, such as `https://auth.corp`, when it is neither on the registry's own host nor a
   * neighbour in its domain (`auth.docker.io` of `registry-1.docker.io`). Only these get the credentials.
   */
  readonly tokenService?: string | undefined
  /** What this node's credentials read may be read by whoever reaches this node. @default false */
  readonly shared?: boolean | undefined
  /** Asked before the registry, in this order. One that fails is left out for a while. */
  readonly mirrors?: readonly MirrorSettings[] | undefined
}

/** Finds all addresses of a host name. */
export type HostLookup = (hostname: string) => Promise<readonly LookupAddress[]>

export interface OriginInit {
  /** Registries that need settings. Only these may be private or without TLS. */
  readonly upstreams?: readonly UpstreamSettings[] | undefined
  /** Where to look for credentials of registries whose settings name none, in this order. */
  readonly credentials?: readonly CredentialSource[] | undefined
  /** A mirror or a source of credentials failed, and something else went ahead. */
  readonly onTrouble?: ((error: Error) => void) | undefined
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
