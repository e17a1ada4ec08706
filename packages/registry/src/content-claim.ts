import type { ContentAddress, Descriptor, Digest, MetadataStore, Origin, Repository } from '@shoal/content'
import { abortable } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import type { RepositoryContents } from './repository-contents.ts'

export interface ContentClaimComponents {
  readonly origin: Origin
  readonly metadata: MetadataStore
  readonly contents: RepositoryContents
  readonly report: ReportDegraded
}

export interface BlobClaim {
  readonly repository: Repository
  readonly digest: Digest
  /** What the registry said of it within this request. */
  readonly seen: Descriptor | undefined
}

/**
 * Makes sure that a blob belongs to the repository in which it is asked for: a manifest of that repository said so, or
 * the registry does now.
 *
 * @throws OriginError, most of the time `not-found`
 */
export async function requireBlobIn(
  { origin, metadata, contents, report }: ContentClaimComponents,
  { repository, digest, seen }: BlobClaim,
  signal: AbortSignal,
): Promise<void> {
  if (contents.has(repository, digest)) return
  const address: ContentAddress = { repository, kind: 'blob', digest }
  const descriptor = seen ?? (await abortable(origin.describe(address, { signal }), signal))
  contents.add(repository, [digest])
  try {
    // The download need not ask for the size once more.
    await abortable(metadata.putDescriptors([descriptor]), signal)
  } catch (error) {
    signal.throwIfAborted()
    report('record descriptors', error)
  }
}
