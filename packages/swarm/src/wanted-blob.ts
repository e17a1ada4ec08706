import type { ContentAddress, Digest } from '@shoal/content'

/** A blob, and the registry for whose clients it is wanted. */
export interface WantedBlob {
  readonly digest: Digest
  /** Such as `docker.io`. */
  readonly registry: string
}

export function wantedBlob({ digest, repository }: ContentAddress): WantedBlob {
  return { digest, registry: repository.registry }
}
