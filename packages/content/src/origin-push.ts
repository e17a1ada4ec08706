import type { AbortOptions } from './blob-store.ts'
import type { Repository } from './image-reference.ts'

/** A request of the distribution API that writes, or asks how far a write has come. */
export interface PushRequest {
  readonly method: string
  /** Below the repository: `blobs/uploads/`, `manifests/v1`. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  /** Names in lower case. Those that matter to a push are passed on, the client's own `authorization` among them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: AsyncIterable<Uint8Array>
}

/** The registry's answer, as it came. */
export interface PushAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Where the upload goes on, below the repository and with its query; undefined when it is not at this registry. */
  readonly continuesAt?: { readonly path: string; readonly query: string }
}

/** Carries pushes to registries, with the client's own credentials and none of this node's. */
export interface OriginPush {
  /** @throws OriginError when the registry can't be reached */
  forward(repository: Repository, request: PushRequest, options?: AbortOptions): Promise<PushAnswer>
}
