import type { AbortOptions } from './blob-store.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import type { Repository } from './image-reference.ts'

/** What a client of a registry proves itself with. Never logged, never stored, never sent to peers. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** What is asked for when the question is only whether one may have it. */
export type AccessProbe =
  | {
      readonly kind: 'manifest'
      readonly reference: string
      /** It would be asked for next: the registry may send it at once. */
      readonly isWhole?: boolean | undefined
    }
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'tags' }

/** A registry's answer to the question whether one may have something. */
export interface AccessAnswer {
  readonly isAllowed: boolean
  /** What it said of the thing itself, if it did: it need not be asked for that again. */
  readonly descriptor?: Descriptor | undefined
  /** The manifest that was asked for whole. It has the descriptor's digest. */
  readonly manifest?: Uint8Array | undefined
}

/** Whom registries let read which repository. Every method throws OriginError when the registry gives no verdict. */
export interface OriginAccess {
  /**
   * Whether anybody may read the repository: the registry is asked without credentials. Also true where the settings
   * of this node say that what its own credentials read is for everybody.
   */
  isPublic(repository: Repository, probe: AccessProbe, options?: AbortOptions): Promise<AccessAnswer>
  /**
   * Whether the registry lets these credentials read the repository. When it does, the origin reads it with them for
   * `lifetimeMs`, in memory only.
   */
  admit(
    repository: Repository,
    probe: AccessProbe,
    options: AbortOptions & { readonly credentials: Credentials; readonly lifetimeMs: number },
  ): Promise<AccessAnswer>
}
