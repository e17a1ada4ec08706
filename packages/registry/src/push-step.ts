import { isDigest } from '@shoal/content'
import { repositoryKey } from './access-policy.ts'
import { cleanMediaType } from './manifest-loader.ts'
import type { PushRoute } from './router.ts'

/** A request of a push that brings bytes. */
export interface PushStep {
  /** The upload that goes on with it; undefined when all of it comes at once. */
  readonly key: string | undefined
  /** What the client says that it comes to; undefined when that is for later, or for the registry. */
  readonly digest: string | undefined
  /** Whether more is to come. */
  readonly isLast: boolean
  readonly mediaType: string
}

const unknownMediaType = 'application/octet-stream'

/** Undefined for a request without bytes of content: the beginning of an upload, a mount, a deletion. */
export function pushStepOf(route: PushRoute, contentType: string | undefined): PushStep | undefined {
  const { method, path, query } = route
  const digest = new URLSearchParams(query).get('digest') ?? undefined
  const [kind, reference = ''] = path.split('/')
  if (kind === 'manifests') {
    if (method !== 'PUT') return undefined
    const own = isDigest(reference) ? reference : undefined
    const mediaType = cleanMediaType(contentType) ?? unknownMediaType
    return { key: undefined, digest: own, isLast: true, mediaType }
  }
  const blob = { digest, mediaType: unknownMediaType }
  if (method === 'PATCH') return { ...blob, key: uploadKey(route, path), isLast: false }
  if (digest === undefined) return undefined
  if (method === 'PUT') return { ...blob, key: uploadKey(route, path), isLast: true }
  return method === 'POST' ? { ...blob, key: undefined, isLast: true } : undefined
}

/** By what an upload is known from one of its requests to the next. */
export function uploadKey({ repository }: PushRoute, path: string): string {
  return `${repositoryKey(repository)}/${decoded(path)}`
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path // of a registry that does not escape what it should: it is then known by that
  }
}
