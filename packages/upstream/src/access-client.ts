import {
  type AbortOptions,
  type AccessAnswer,
  type AccessProbe,
  acceptAnyManifest,
  type Credentials,
  type Descriptor,
  isDigest,
  maxManifestBytes,
  type OriginAccess,
  OriginError,
  parseRepositoryName,
  type Repository,
} from '@shoal/content'
import { contentLength, mediaType, single } from './answer-headers.ts'
import { abandon, discard } from './body.ts'
import type { HttpAnswer } from './http-client.ts'
import type { Identities } from './identities.ts'
import { type Identity, identify } from './identity.ts'
import { type ManifestDocument, readManifest } from './manifest-document.ts'
import type { Requester } from './requester.ts'
import type { Subject } from './subject.ts'
import type { Upstream, UpstreamTable } from './upstream-table.ts'

export interface AccessClientComponents {
  readonly table: UpstreamTable
  readonly requester: Requester
  readonly identities: Identities
  readonly documentTimeoutMs: number
}

/**
 * Asks registries whom they let read what: a HEAD of the thing that is wanted, as nobody or as a client; or a GET, if it
 * is a manifest that would be asked for next.
 */
export class AccessClient implements OriginAccess {
  readonly #with: AccessClientComponents

  constructor(components: AccessClientComponents) {
    this.#with = components
  }

  async isPublic(
    repository: Repository,
    probe: AccessProbe,
    options: AbortOptions = {},
  ): Promise<AccessAnswer> {
    if (this.#with.table.find(repository.registry).isShared) return { isAllowed: true }
    return this.#mayRead(repository, probe, { ...options, as: 'anonymous' })
  }

  async admit(
    repository: Repository,
    probe: AccessProbe,
    options: AbortOptions & { readonly credentials: Credentials; readonly lifetimeMs: number },
  ): Promise<AccessAnswer> {
    const { credentials, lifetimeMs, signal } = options
    const identity = identify(credentials)
    const answer = await this.#mayRead(repository, probe, { as: identity, signal })
    if (!answer.isAllowed) return answer
    const upstream = this.#with.table.find(repository.registry)
    this.#with.identities.delegate(upstream, repository.name, { identity, lifetimeMs })
    return answer
  }

  async #mayRead(
    { registry, name }: Repository,
    probe: AccessProbe,
    { as, signal }: AbortOptions & { readonly as: Identity | 'anonymous' },
  ): Promise<AccessAnswer> {
    const upstream = this.#with.table.find(registry)
    const { what, path } = placeOf(probe)
    const subject = { registry: upstream.registry, repository: parseRepositoryName(name), what }
    try {
      const answer = await this.#with.requester.send({
        ...{ upstream, subject, as, signal },
        // Not every registry has HEAD for listings.
        method: probe.kind === 'tags' || isWhole(probe) ? 'GET' : 'HEAD',
        path: `${name}/${path}`,
        headers: { accept: acceptAnyManifest },
        // A registry without HEAD has looked at the credentials all the same.
        tolerate: [403, 405],
      })
      if (answer.status === 200 && isWhole(probe)) {
        const document = await this.#tryRead(answer, { subject, signal })
        return { isAllowed: true, descriptor: document?.descriptor, manifest: document?.bytes }
      }
      await discard(answer.body)
      // Where a registry redirects to, a signed URL may be good for a GET only: it let us in all the same.
      const isAllowed = answer.status !== 403 || !isServerOf(upstream, answer.url)
      return { isAllowed, descriptor: describedBy(answer, probe) }
    } catch (error) {
      if (error instanceof OriginError && error.fault === 'unauthorized') return { isAllowed: false }
      throw error
    }
  }

  /** Undefined when it does not come as it should. The registry has let us in: whoever goes on hears of what is wrong. */
  async #tryRead(
    answer: HttpAnswer,
    { subject, signal }: { readonly subject: Subject; readonly signal?: AbortSignal | undefined },
  ): Promise<ManifestDocument | undefined> {
    try {
      return await readManifest(answer, { subject, signal, timeoutMs: this.#with.documentTimeoutMs })
    } catch (error) {
      if (!(error instanceof OriginError)) throw error
      abandon(answer.body)
      return undefined
    }
  }
}

function isWhole(probe: AccessProbe): boolean {
  return probe.kind === 'manifest' && probe.isWhole === true
}

function isServerOf(upstream: Upstream, { origin }: URL): boolean {
  return [upstream, ...upstream.mirrors].some(({ base }) => base.origin === origin)
}

/** What the answer to a HEAD says of what was asked for; undefined when that is not all that a pull needs to know. */
function describedBy({ status, headers }: HttpAnswer, probe: AccessProbe): Descriptor | undefined {
  const size = contentLength(headers)
  if (status !== 200 || size === undefined || probe.kind === 'tags') return undefined
  const asked = probe.kind === 'blob' ? probe.digest : probe.reference
  const digest = isDigest(asked) ? asked : single(headers, 'docker-content-digest')
  if (digest === undefined || !isDigest(digest)) return undefined
  // One that is larger than clients take is for whoever asks next to refuse.
  if (probe.kind === 'manifest' && size > maxManifestBytes) return undefined
  return { digest, size, mediaType: mediaType(headers) }
}

function placeOf(probe: AccessProbe): { readonly what: string; readonly path: string } {
  switch (probe.kind) {
    case 'manifest':
      return { what: `manifest ${probe.reference}`, path: `manifests/${probe.reference}` }
    case 'blob':
      return { what: `blob ${probe.digest}`, path: `blobs/${probe.digest}` }
    case 'tags':
      return { what: 'tag list', path: 'tags/list' }
  }
}
