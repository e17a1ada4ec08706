import type { Descriptor, Digest, Repository } from '@shoal/content'
import { type Admission, manifestSeen, seenOf } from './access-gate.ts'
import { isOriginAway } from './access-policy.ts'
import { planContent } from './content-plan.ts'
import { Deadline } from './deadline.ts'
import type { Delivery, Exchange } from './exchange.ts'
import {
  cleanMediaType,
  type LoadedManifest,
  loadManifest,
  type ManifestLoaderComponents,
  requireManifestSize,
  takeManifest,
} from './manifest-loader.ts'
import type { ManifestsAhead } from './manifests-ahead.ts'
import type { ManifestsAtOnce } from './manifests-at-once.ts'
import type { ReferenceResolver, ResolvedReference } from './reference-resolver.ts'
import { namespaceHeader, type ResponseHeaders, sendBuffer, sendHead } from './respond.ts'
import type { ManifestRoute } from './router.ts'

export interface ManifestHandlerInit extends ManifestLoaderComponents {
  readonly tags: ReferenceResolver
  readonly ahead: ManifestsAhead
  readonly atOnce: ManifestsAtOnce
  /** From the request to the first byte of the answer. */
  readonly manifestTimeoutMs: number
}

/**
 * Serves a manifest by tag, or by digest when it is one of the repository.
 *
 * @throws what {@link refusalFor} turns into an answer, as long as nothing was sent
 */
export async function serveManifest(
  exchange: Exchange,
  { route, admission }: { readonly route: ManifestRoute; readonly admission: Admission },
  init: ManifestHandlerInit,
): Promise<Delivery> {
  using deadline = new Deadline({
    what: 'the manifest',
    afterMs: init.manifestTimeoutMs,
    parent: exchange.signal,
  })
  const { signal } = deadline
  const { reference, repository } = route
  const resolve: Resolve = (text, options) => {
    const seen = seenOf(admission, 'manifest', text)
    return init.tags.resolve({ ...admission, repository, text, seen }, options)
  }
  const fetchNext = ({ manifest }: LoadedManifest) => {
    if (exchange.isHead || manifest === undefined) return
    init.ahead.fetch(manifest.manifests, ({ digest }, { signal }) =>
      loadOfRepository(init, { repository, digest }, { resolve, signal }),
    )
  }
  if ('digest' in reference) {
    const { digest } = reference
    const manifest = await loadOfRepository(init, { repository, digest }, { resolve, signal })
    const sending = sendManifest(exchange, manifest, namespaceHeader(route))
    fetchNext(manifest)
    return sending
  }

  const resolved = await resolve(reference.tag, { signal })
  init.contents.add(repository, [resolved.descriptor.digest])
  const headers = { ...namespaceHeader(route), ...tagHeaders(route, resolved) }
  requireManifestSize(resolved.descriptor.digest, resolved.descriptor.size)
  const descriptor = exchange.isHead ? answerable(resolved) : undefined
  if (descriptor !== undefined) return sendDescriptor(exchange, descriptor, headers)
  const { digest } = resolved.descriptor
  const bytes = manifestSeen(admission, { tag: reference.tag, digest })
  const manifest =
    bytes === undefined
      ? await loadManifest(init, { repository, digest }, { signal })
      : takeManifest(init, repository, { descriptor: resolved.descriptor, bytes })
  const sending = sendManifest(exchange, manifest, headers)
  if (bytes !== undefined) init.atOnce.keep(repository, manifest)
  fetchNext(manifest)
  return sending
}

/** What the registry has by a tag or a digest. */
type Resolve = (text: string, options: { readonly signal: AbortSignal }) => Promise<ResolvedReference>

/**
 * A manifest by its digest, once the repository is known to have it. One that an index of it names has a size already, so
 * it is fetched while the registry is asked whether it is there: a round trip less for each image of several platforms.
 */
async function loadOfRepository(
  init: ManifestHandlerInit,
  { repository, digest }: { readonly repository: Repository; readonly digest: Digest },
  { resolve, signal }: { readonly resolve: Resolve; readonly signal: AbortSignal },
): Promise<LoadedManifest> {
  const { contents } = init
  if (contents.has(repository, digest)) return await loadManifest(init, { repository, digest }, { signal })
  const isClaimed = contents.isClaimed(repository, digest)
  const isThere = resolve(digest, { signal })
    .catch((error) => {
      // Nobody can say otherwise now, and whoever may read the index has been let in.
      if (!isOriginAway(error) || !isClaimed) throw error
    })
    .then(() => contents.add(repository, [digest]))
  if (!isClaimed) await isThere
  return await loadManifest(init, { repository, digest, isThere }, { signal })
}

/**
 * The descriptor from which alone a HEAD can be answered. Not a stale one: with the origin away it is not
 * certain that the manifest can be had, nor, when a peer gave the record, that its size and type are true.
 */
function answerable({ descriptor, stale }: ResolvedReference): Descriptor | undefined {
  const mediaType = cleanMediaType(descriptor.mediaType)
  if (stale !== undefined || descriptor.size <= 0 || mediaType === undefined) return undefined
  return { ...descriptor, mediaType }
}

/** A tag moves, so caches ask again; and the client is told when nobody could say whether it moved. */
function tagHeaders({ repository, reference }: ManifestRoute, { stale }: ResolvedReference): ResponseHeaders {
  if (stale === undefined || !('tag' in reference)) return { 'Cache-Control': 'no-cache' }
  const since = new Date(stale.resolvedAt).toISOString()
  const text = `${repository.registry}/${repository.name}:${reference.tag} is as of ${since}: ${stale.why}`
  return { 'Cache-Control': 'no-cache', Warning: `299 - "${quotable(text)}"` }
}

/** Text for a quoted string in a header; OCI allows a warning 4096 bytes. */
function quotable(text: string): string {
  return text.replaceAll(/[^ !#-[\]-~]/g, "'").slice(0, 1024)
}

async function sendDescriptor(
  exchange: Exchange,
  { digest, size, mediaType }: Descriptor,
  extra: ResponseHeaders,
): Promise<Delivery> {
  const { headers } = exchange.request
  const plan = planContent({ headers, isHead: true, digest, size })
  const all = { ...plan.headers, ...extra }
  if (plan.status === 304) return sendHead(exchange, 304, all)
  return sendHead(exchange, 200, { ...all, 'Content-Type': mediaType })
}

async function sendManifest(
  exchange: Exchange,
  manifest: LoadedManifest,
  extra: ResponseHeaders,
): Promise<Delivery> {
  const { digest, bytes, mediaType } = manifest
  const { headers } = exchange.request
  const plan = planContent({ headers, isHead: exchange.isHead, digest, size: bytes.length })
  if (plan.status === 304) return sendHead(exchange, 304, { ...plan.headers, ...extra })
  const { start, end } = plan.range
  const all = { ...plan.headers, 'Content-Type': mediaType, ...extra }
  return sendBuffer(exchange, plan.status, all, bytes.subarray(start, end))
}
