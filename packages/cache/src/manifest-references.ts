import {
  type Descriptor,
  InvalidInputError,
  maxManifestBytes,
  mediaTypes,
  type PlatformDescriptor,
  parseManifest,
} from '@shoal/content'
import type { ManifestReferences } from './row.ts'

/** A blob whose type no row tells. Served as it is to clients, who know the type from their manifest. */
export const unknownMediaType = 'application/octet-stream'

const manifestTypes = new Set<string>([...Object.values(mediaTypes), unknownMediaType])

/** Whether the blob could be a manifest, so that it is worth reading. Rebuilding an index leaves types unknown. */
export function mayBeManifest({ mediaType, size }: Descriptor): boolean {
  return manifestTypes.has(mediaType.split(';', 1)[0]?.trim() ?? '') && size > 1 && size <= maxManifestBytes
}

/** What a manifest refers to; undefined for what is none. */
export function referencesIn(bytes: Uint8Array): ManifestReferences | undefined {
  try {
    const { manifests, blobs } = parseManifest(bytes)
    return { manifests: manifests.map(withPlatform), blobs }
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined // something else that is as small
    throw error
  }
}

function withPlatform({
  platform,
  ...descriptor
}: PlatformDescriptor): ManifestReferences['manifests'][number] {
  if (platform === undefined) return descriptor
  const { os, architecture, variant } = platform
  return {
    ...descriptor,
    platform: [os, architecture, ...(variant === undefined ? [] : [variant])].join('/'),
  }
}
