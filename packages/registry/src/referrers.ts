import {
  type Digest,
  digestAlgorithm,
  digestHex,
  mediaTypes,
  type Origin,
  OriginError,
  type OriginListing,
} from '@shoal/content'
import { loadManifest, type ManifestLoaderComponents } from './manifest-loader.ts'
import type { ReferrersRoute } from './router.ts'

export interface ReferrersComponents extends ManifestLoaderComponents {
  readonly origin: Origin
}

/** Filter that every registry may leave to its client. */
const artifactTypeFilter = 'artifactType'

/**
 * The artifacts that refer to a manifest: as the registry lists them, or, where it does not have that API, from the tag
 * under which clients then keep the list (OCI Distribution 1.1, "Referrers Tag Schema"). No list is an empty list.
 *
 * @throws OriginError
 */
export async function listReferrers(
  components: ReferrersComponents,
  { repository, digest, query }: ReferrersRoute,
  { signal }: { readonly signal: AbortSignal },
): Promise<OriginListing> {
  const wanted = new URLSearchParams(query).get(artifactTypeFilter)
  try {
    const listing = await components.origin.listReferrers(repository, digest, query, { signal })
    return wanted === null || isFiltered(listing) ? listing : filtered(listing, wanted)
  } catch (error) {
    if (!isNotThere(error)) throw error
  }
  const listing = await listFromTag(components, { repository, digest }, signal)
  return wanted === null ? listing : filtered(listing, wanted)
}

/** What a repository without any artifacts lists. */
export const noReferrers: OriginListing = listingOf([])

async function listFromTag(
  components: ReferrersComponents,
  { repository, digest }: Pick<ReferrersRoute, 'repository' | 'digest'>,
  signal: AbortSignal,
): Promise<OriginListing> {
  try {
    const index = await components.origin.resolve(repository, referrersTag(digest), { signal })
    const { bytes } = await loadManifest(components, { repository, digest: index.digest }, { signal })
    return listingOf(entriesOf(bytes) ?? [])
  } catch (error) {
    if (isNotThere(error)) return noReferrers
    throw error
  }
}

/** `sha256-<hex>`; the specification cuts it to the length of a tag. */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest).slice(0, 32)}-${digestHex(digest).slice(0, 64)}`
}

function filtered(listing: OriginListing, artifactType: string): OriginListing {
  const entries = entriesOf(listing.body)
  if (entries === undefined) return listing
  const kept = entries.filter((entry) => entry.artifactType === artifactType)
  const headers = { ...listing.headers, 'oci-filters-applied': artifactTypeFilter }
  return { ...listing, ...listingOf(kept), headers }
}

function isFiltered({ headers }: OriginListing): boolean {
  const applied =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'oci-filters-applied')?.[1] ?? ''
  return applied.split(',').some((filter) => filter.trim() === artifactTypeFilter)
}

/** Descriptors of an index, as they stand; undefined for what is none. */
function entriesOf(bytes: Uint8Array): Readonly<Record<string, unknown>>[] | undefined {
  try {
    const { manifests } = JSON.parse(new TextDecoder().decode(bytes)) as { manifests?: unknown }
    if (!Array.isArray(manifests)) return undefined
    return manifests.filter((entry) => typeof entry === 'object' && entry !== null)
  } catch {
    return undefined // not JSON: the registry's own affair
  }
}

function listingOf(manifests: readonly unknown[]): OriginListing {
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
  return { mediaType: mediaTypes.ociIndex, body: Buffer.from(JSON.stringify(index)), headers: {} }
}

function isNotThere(error: unknown): boolean {
  return error instanceof OriginError && error.fault === 'not-found'
}
