import { createHash } from 'node:crypto'
import {
  type ContentSource,
  type Descriptor,
  type Digest,
  DigestMismatchError,
  digestAlgorithm,
  digestFromHash,
  InvalidInputError,
  type Manifest,
  type MetadataStore,
  maxManifestBytes,
  type OpenContent,
  parseManifest,
  type Repository,
} from '@shoal/content'
import type { ReportDegraded } from './events.ts'
import { closeContent, openContent } from './open-content.ts'
import { PieceReader } from './piece-reader.ts'
import type { RepositoryContents } from './repository-contents.ts'
import { RequestError } from './request-error.ts'

export interface ManifestLoaderComponents {
  readonly content: ContentSource
  readonly metadata: MetadataStore
  readonly contents: RepositoryContents
  readonly report: ReportDegraded
}

/** A manifest in memory, its digest verified. */
export interface LoadedManifest {
  readonly digest: Digest
  readonly bytes: Uint8Array
  /** As it was pushed, as far as anyone knows. */
  readonly mediaType: string
  /** Undefined for one of a kind that nobody here can parse. */
  readonly manifest: Manifest | undefined
}

const unknownMediaType = 'application/octet-stream'
/** RFC 6838 names; anything else does not go into a header of ours. */
const mediaTypePattern = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i

/** The repository's manifest, if `isThere` says so; it is waited for beside the manifest itself. */
export interface ManifestInRepository {
  readonly repository: Repository
  readonly digest: Digest
  readonly isThere?: Promise<unknown> | undefined
}

/**
 * Fetches a manifest whole and verifies it. What it refers to is recorded as the repository's, with its size,
 * before anyone asks for it. One of a kind that nobody here can parse is served all the same.
 *
 * @throws RequestError `MANIFEST_INVALID` when it is larger than clients take
 * @throws DigestMismatchError, what the source throws, or before all of them what `isThere` rejects with
 */
export async function loadManifest(
  components: ManifestLoaderComponents,
  { repository, digest, isThere }: ManifestInRepository,
  { signal }: { readonly signal: AbortSignal },
): Promise<LoadedManifest> {
  const unwanted = new AbortController()
  const ended = isThere === undefined ? signal : AbortSignal.any([signal, unwanted.signal])
  const fetching = fetchManifest(components, { repository, digest }, ended)
  fetching.catch(() => undefined) // it is waited for below, unless what `isThere` says comes before
  try {
    await isThere
  } catch (error) {
    unwanted.abort(error)
    throw error
  }
  const loaded = await fetching
  const { manifest } = loaded
  if (manifest !== undefined) record(components, { repository, digest, manifest })
  return loaded
}

/** A manifest that is here already, its digest verified: what it refers to is recorded as if it had been fetched. */
export function takeManifest(
  components: ManifestLoaderComponents,
  repository: Repository,
  { descriptor, bytes }: { readonly descriptor: Descriptor; readonly bytes: Uint8Array },
): LoadedManifest {
  const { digest } = descriptor
  const loaded = manifestOf(bytes, descriptor)
  const { manifest } = loaded
  if (manifest !== undefined) record(components, { repository, digest, manifest })
  return loaded
}

async function fetchManifest(
  components: Pick<ManifestLoaderComponents, 'content' | 'report'>,
  { repository, digest }: ManifestInRepository,
  signal: AbortSignal,
): Promise<LoadedManifest> {
  const { report } = components
  const address = { repository, kind: 'manifest', digest } as const
  const content = await openContent(components.content, address, { signal, report })
  try {
    requireManifestSize(digest, content.descriptor.size)
    const bytes = await readWhole(content, { digest, signal, report })
    return manifestOf(bytes, content.descriptor)
  } finally {
    await closeContent(content, report)
  }
}

function manifestOf(bytes: Uint8Array, { digest, mediaType }: Descriptor): LoadedManifest {
  const manifest = tryParse(bytes)
  const known = cleanMediaType(mediaType) ?? cleanMediaType(manifest?.mediaType)
  return { digest, bytes, mediaType: known ?? unknownMediaType, manifest }
}

/** @throws RequestError 404 `MANIFEST_INVALID` when it is larger than clients take */
export function requireManifestSize(digest: Digest, size: number): void {
  if (size <= maxManifestBytes) return
  const message = `manifest ${digest} has ${size} bytes; the most that clients accept is ${maxManifestBytes}`
  throw new RequestError('MANIFEST_INVALID', message, { status: 404, reason: 'too-large' })
}

/** A media type that can be answered as it is, without parameters; undefined when it says nothing. */
export function cleanMediaType(text: string | undefined): string | undefined {
  const type = text?.split(';', 1)[0]?.trim() ?? ''
  return mediaTypePattern.test(type) && type !== unknownMediaType ? type : undefined
}

interface ReadOptions {
  readonly digest: Digest
  readonly signal: AbortSignal
  readonly report: ReportDegraded
}

async function readWhole(content: OpenContent, { digest, signal, report }: ReadOptions): Promise<Uint8Array> {
  const reader = new PieceReader(content, { borrow: false, report })
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const piece = await reader.next(signal)
      if (piece === undefined) break
      length += piece.length
      requireManifestSize(digest, length)
      pieces.push(piece)
    }
  } finally {
    reader.release()
  }
  const bytes = Buffer.concat(pieces, length)
  verify(bytes, digest)
  return bytes
}

function verify(bytes: Uint8Array, digest: Digest): void {
  const algorithm = digestAlgorithm(digest)
  const actual = digestFromHash(algorithm, createHash(algorithm).update(bytes).digest())
  if (actual !== digest) throw new DigestMismatchError(digest, actual)
}

function tryParse(bytes: Uint8Array): Manifest | undefined {
  try {
    return parseManifest(bytes)
  } catch (error) {
    // An artifact of a kind of its own is served unread.
    if (error instanceof InvalidInputError) return undefined
    throw error
  }
}

interface ManifestRecord {
  readonly repository: Repository
  readonly digest: Digest
  readonly manifest: Manifest
}

/** A lost record costs a HEAD later, or a name in a listing; it must not cost this pull, nor keep it waiting. */
function record(
  { metadata, contents, report }: ManifestLoaderComponents,
  { repository, digest, manifest }: ManifestRecord,
): void {
  const children = [...manifest.manifests, ...manifest.blobs]
  const digestsOf = (list: readonly Descriptor[]) => list.map(({ digest }) => digest)
  const foreign = new Set(manifest.foreign)
  contents.claim(repository, digestsOf(manifest.manifests))
  contents.add(
    repository,
    digestsOf(manifest.blobs).filter((digest) => !foreign.has(digest)),
  )
  const recording = [metadata.putDescriptors(children), metadata.nameManifest(repository, digest)]
  Promise.all(recording).catch((error) => report('record manifest', error))
}
