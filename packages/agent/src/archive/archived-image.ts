import type { Descriptor } from '@shoal/content'
import type { ImportedBlob } from '../cache-control/cache-control.ts'

/** An image that lies in files. */
export interface ArchivedImage {
  /** As the archive gives them, perhaps none. */
  readonly names: readonly string[]
  readonly root: Descriptor
  /** What it consists of: blobs before the manifests that refer to them, the root last. */
  readonly blobs: readonly ImportedBlob[]
}
