import {
  type ContentKind,
  type ContentSource,
  type Digest,
  isDigest,
  type OriginPush,
  type PushAnswer,
} from '@shoal/content'
import type { ReportDegraded } from './events.ts'
import type { Delivery, Exchange } from './exchange.ts'
import { closeContent } from './open-content.ts'
import type { ReferenceResolver } from './reference-resolver.ts'
import type { RepositoryContents } from './repository-contents.ts'
import { namespaceHeader, sendBuffer } from './respond.ts'
import type { PushRoute } from './router.ts'

export interface PushHandlerInit {
  readonly push: OriginPush | undefined
  readonly content: ContentSource
  readonly contents: RepositoryContents
  readonly tags: ReferenceResolver
  readonly report: ReportDegraded
}

/**
 * Carries a push to the registry and its answer back. What the registry took is then fetched by this node, so that
 * the swarm has it before anybody pulls.
 *
 * @throws what {@link refusalFor} turns into an answer
 */
export async function servePush(
  exchange: Exchange,
  route: PushRoute,
  init: PushHandlerInit & { readonly push: OriginPush },
): Promise<Delivery> {
  const { request, signal } = exchange
  const { repository, path, query, method } = route
  const { headers } = request
  const answer = await init.push.forward(
    repository,
    { method, path, query, headers, body: request },
    { signal },
  )
  if (answer.status < 300 && method !== 'GET') remember(route, answer, init)
  const all = { ...namespaceHeader(route), ...answer.headers, ...locationHeader(route, answer) }
  return sendBuffer(exchange, answer.status, all, answer.body)
}

/** What was known of a repository no longer holds once something was pushed to it or deleted from it. */
function remember(route: PushRoute, answer: PushAnswer, init: PushHandlerInit): void {
  const { repository, path, query, method } = route
  init.tags.forget(repository)
  const [kind = '', reference = ''] = path.split('/')
  if (method === 'DELETE') {
    if (isDigest(reference)) init.contents.delete(repository, reference)
    return
  }
  const digest = answer.headers['docker-content-digest'] ?? new URLSearchParams(query).get('digest') ?? ''
  if (answer.status !== 201 || !isDigest(digest)) return
  init.contents.add(repository, [digest])
  void take(route, { digest, kind: kind === 'manifests' ? 'manifest' : 'blob' }, init)
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
