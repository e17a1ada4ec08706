import { LRUCache } from 'lru-cache'
import type { CredentialSource } from './credentials/credential-source.ts'
import { type Identity, identify, type Secret } from './identity.ts'
import type { Upstream } from './upstream-table.ts'

/** A private repository that clients of this node read now. */
interface Delegation {
  readonly identity: Identity
  readonly until: number
}

const maxDelegations = 1_000
/** A source that failed is spared this long: it may take seconds to fail, on every request. */
const restMs = 10_000

export interface IdentitiesInit {
  readonly sources: readonly CredentialSource[]
  readonly now: () => number
  /** A source failed: the registry is asked without it. */
  readonly onTrouble: (error: Error) => void
}

/**
 * As whom each repository is read: as the client who proved to may read it, for a while; else as the settings say;
 * else as the first source of credentials that knows the registry.
 */
export class Identities {
  readonly #with: IdentitiesInit
  readonly #delegations = new LRUCache<string, Delegation>({ max: maxDelegations })
  readonly #restUntil = new Map<CredentialSource, number>()

  constructor(init: IdentitiesInit) {
    this.#with = init
  }

  async of(upstream: Upstream, repository: string, signal?: AbortSignal): Promise<Identity | undefined> {
    // Who was let in at the registry was not let in at its mirror.
    if (upstream.isMirror) return upstream.identity
    const delegation = this.#delegations.get(delegationKey(upstream, repository))
    if (delegation !== undefined && this.#with.now() < delegation.until) return delegation.identity
    return upstream.identity ?? (await this.#fromSources(upstream, repository, signal))
  }

  /** From now on, for a while, the repository is read as this client. */
  delegate(
    upstream: Upstream,
    repository: string,
    delegation: { identity: Identity; lifetimeMs: number },
  ): void {
    const until = this.#with.now() + delegation.lifetimeMs
    this.#delegations.set(delegationKey(upstream, repository), { identity: delegation.identity, until })
  }

  async #fromSources(
    upstream: Upstream,
    repository: string,
    signal: AbortSignal | undefined,
  ): Promise<Identity | undefined> {
    for (const source of this.#with.sources) {
      const secret = await this.#ask(source, { registry: upstream.registry, repository }, signal)
      if (secret !== undefined) return identify(secret)
    }
    return undefined
  }

  async #ask(
    source: CredentialSource,
    about: { registry: string; repository: string },
    signal: AbortSignal | undefined,
  ): Promise<Secret | undefined> {
    if (this.#with.now() < (this.#restUntil.get(source) ?? 0)) return undefined
    try {
      return await source.find(about, signal)
    } catch (error) {
      signal?.throwIfAborted()
      this.#restUntil.set(source, this.#with.now() + restMs)
      this.#with.onTrouble(error as Error)
      return undefined
    }
  }
}

function delegationKey({ registry }: Upstream, repository: string): string {
  return `${registry}/${repository}`
}
