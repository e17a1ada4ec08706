import type { Digest } from './digest.ts'

/** What an OCI manifest says of a blob: its digest, size in bytes and media type. */
export interface Descriptor {
  readonly digest: Digest
  readonly size: number
  readonly mediaType: string
}
