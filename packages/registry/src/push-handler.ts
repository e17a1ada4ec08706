import {
  type ContentKind,
  type ContentSource,
  type Digest,
  isDigest,
  type MetadataStore,
  type OriginPush,
  type PushAnswer,
} from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import type { Delivery, Exchange } from './exchange.ts'
import { loadManifest } from './manifest-loader.ts'
import { closeContent } from './open-content.ts'
import type { FollowedPush, PushKeeper } from './push-keeper.ts'
import type { ReferenceResolver } from './reference-resolver.ts'
import type { RepositoryContents } from './repository-contents.ts'
import { namespaceHeader, sendBuffer } from './respond.ts'
import type { PushRoute } from './router.ts'

/** For a manifest that is in the cache. */
const recordMs = 5_000

export interface PushHandlerInit {
  readonly push: OriginPush | undefined
  readonly content: ContentSource
  readonly metadata: MetadataStore
  readonly contents: RepositoryContents
  readonly keeper: PushKeeper
  readonly tags: ReferenceResolver
  readonly report: ReportDegraded
}

/**
 * Carries a push to the registry and its answer back. What the registry took is in the cache by then, or is fetched by
 * this node if it could not be kept on the way, so that the swarm has it before anybody pulls.
 *
 * @throws what {@link refusalFor} turns into an answer
 */
export async function servePush(
  exchange: Exchange,
  route: PushRoute,
  init: PushHandlerInit & { readonly push: OriginPush },
): Promise<Delivery> {
  const { request } = exchange
  const { method } = route
  const { headers } = request
  const followed = init.keeper.follow(route, {
    body: request,
    contentType: headers['content-type'],
    contentRange: headers['content-range'],
  })
  const answer = await forward(exchange, route, { push: init.push, followed })
  const kept = await followed.answered(answer)
  const isGone = method === 'DELETE' && answer.status === 404
  if (isGone || (answer.status < 300 && method !== 'GET')) await remember(route, { answer, kept }, init)
  const all = { ...namespaceHeader(route), ...answer.headers, ...locationHeader(route, answer) }
  return sendBuffer(exchange, answer.status, all, answer.body)
}

async function forward(
  { request, signal }: Exchange,
  { repository, method, path, query }: PushRoute,
  { push, followed }: { readonly push: OriginPush; readonly followed: FollowedPush },
): Promise<PushAnswer> {
  const { body } = followed
  const { headers } = request
  try {
    return await push.forward(repository, { method, path, query, headers, body }, { signal })
  } catch (error) {
    followed.failed()
    throw error
  }
}

/** What was known of a repository no longer holds once something was pushed to it or deleted from it. */
async function remember(
  route: PushRoute,
  { answer, kept }: { readonly answer: PushAnswer; readonly kept: Digest | undefined },
  init: PushHandlerInit,
): Promise<void> {
  const { repository, path, query, method } = route
  init.tags.forget(repository)
  const [kind = ''] = path.split('/')
  // With an index some registries delete what it refers to.
  if (method === 'DELETE') return init.contents.forget(repository)
  const digest = answer.headers['docker-content-digest'] ?? new URLSearchParams(query).get('digest') ?? ''
  if (answer.status !== 201 || !isDigest(digest)) return
  init.contents.add(repository, [digest])
  if (kept === digest) await recordProof(route, digest, init)
  if (kept === digest && kind === 'manifests') await recordManifest(route, digest, init)
  if (kept !== digest) void take(route, { digest, kind: kind === 'manifests' ? 'manifest' : 'blob' }, init)
}

/** The registry took the same bytes: it need not show that it has them. */
async function recordProof(
  { repository }: PushRoute,
  digest: Digest,
  { metadata, report }: PushHandlerInit,
): Promise<void> {
  using deadline = new Deadline({ what: 'recording who has what was pushed', afterMs: recordMs })
  try {
    await abortable(metadata.recordProof(digest, repository.registry), deadline.signal)
  } catch (error) {
    report('record what was pushed', error)
  }
}

/** Reads it as a pull would: what it refers to belongs to the repository from now on. */
async function recordManifest(
  { repository }: PushRoute,
  digest: Digest,
  init: PushHandlerInit,
): Promise<void> {
  using deadline = new Deadline({ what: 'reading a pushed manifest', afterMs: recordMs })
  try {
    await loadManifest(init, { repository, digest }, deadline)
  } catch (error) {
    init.report('record manifest', error)
  }
}

/** Opening content starts its download, which goes on by itself. */
async function take(
  { repository }: PushRoute,
  { digest, kind }: { readonly digest: Digest; readonly kind: ContentKind },
  { content, report }: PushHandlerInit,
): Promise<void> {
  try {
    await closeContent(await content.open({ repository, kind, digest }), report)
  } catch (error) {
    report('take what was pushed', error)
  }
}

/** An upload at the registry goes on through here; one elsewhere is for the client to follow. */
function locationHeader(
  { requestedName, namespace }: PushRoute,
  { continuesAt }: PushAnswer,
): Readonly<Record<string, string>> {
  if (continuesAt === undefined) return {}
  const query = new URLSearchParams(continuesAt.query)
  if (namespace !== undefined) query.set('ns', namespace)
  const search = query.size === 0 ? '' : `?${query}`
  return { location: `/v2/${requestedName}/${continuesAt.path}${search}` }
}
