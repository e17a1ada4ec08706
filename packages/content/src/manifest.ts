import * as z from 'zod/mini'
import type { Descriptor } from './descriptor.ts'
import { type Digest, isDigest } from './digest.ts'
import { InvalidInputError } from './errors.ts'

/** Clients refuse larger manifests (containerd), so there is no use in serving one. */
export const maxManifestBytes = 4 * 1024 * 1024

/** An index with more entries than this is an attack, not an image. */
const maxDescriptors = 10_000

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const

/** Every manifest type, as an `Accept` header that asks for the content as it was pushed. */
export const acceptAnyManifest = [...Object.values(mediaTypes), '*/*'].join(', ')

/** What a manifest refers to. */
export interface Manifest {
  readonly mediaType: string
  /** Manifests of an index, one for each platform; empty in an image manifest. */
  readonly manifests: readonly PlatformDescriptor[]
  /** Config and layers of an image manifest; empty in an index. */
  readonly blobs: readonly Descriptor[]
  /** Layers of those that come from elsewhere: registries take a manifest without having them. */
  readonly foreign: readonly Digest[]
}

export interface PlatformDescriptor extends Descriptor {
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
}

/** Docker's name for such layers, and OCI's. */
const foreignType = /\.foreign\.|\.nondistributable\./

const descriptorSchema = z.object({
  digest: z.string().check(z.refine(isDigest, 'expected a sha256 or sha512 digest')),
  size: z.int().check(z.nonnegative()),
  mediaType: z._default(z.string().check(z.maxLength(256)), 'application/octet-stream'),
})
const layerSchema = z.extend(descriptorSchema, { urls: z.optional(z.array(z.string())) })
const platformSchema = z.object({ os: z.string(), architecture: z.string(), variant: z.optional(z.string()) })
const manifestSchema = z.object({
  mediaType: z.optional(z.string().check(z.maxLength(256))),
  config: z.optional(descriptorSchema),
  layers: z.optional(z.array(layerSchema).check(z.maxLength(maxDescriptors))),
  manifests: z.optional(
    z
      .array(z.extend(descriptorSchema, { platform: z.optional(platformSchema) }))
      .check(z.maxLength(maxDescriptors)),
  ),
})

/**
 * Reads an OCI or Docker manifest or index.
 *
 * @throws InvalidInputError `MANIFEST_INVALID` for what is too large, not JSON, or not a manifest
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > maxManifestBytes) {
    throw invalid(`${bytes.length} bytes; the most that clients accept is ${maxManifestBytes}`)
  }
  const read = manifestSchema.safeParse(parseJson(bytes))
  if (!read.success) {
    const issue = read.error.issues[0]
    throw invalid(`${issue?.path.join('.') || 'the document'}: ${issue?.message}`)
  }
  const { mediaType, config, layers = [], manifests } = read.data
  if (manifests === undefined && config === undefined)
    throw invalid('it has neither "manifests" nor "config"')
  const isForeign = ({ urls = [], mediaType }: (typeof layers)[number]) =>
    urls.length > 0 || foreignType.test(mediaType)
  return {
    mediaType: mediaType ?? (manifests === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex),
    manifests: (manifests ?? []) as PlatformDescriptor[],
    blobs: [...(config === undefined ? [] : [config]), ...layers.map(withoutUrls)] as Descriptor[],
    foreign: layers.filter(isForeign).map(({ digest }) => digest as Digest),
  }
}

function withoutUrls({ digest, size, mediaType }: z.infer<typeof layerSchema>) {
  return { digest, size, mediaType }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new InvalidInputError('MANIFEST_INVALID', 'malformed manifest: it is not JSON', { cause })
  }
}

function invalid(why: string): InvalidInputError {
  return new InvalidInputError('MANIFEST_INVALID', `malformed manifest: ${why}`)
}
