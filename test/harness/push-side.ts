import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Content, MemoryRegistry, MemoryRepository } from './memory-registry.ts'

/**
 * Has a registry take pushes: uploads in pieces or at once, mounts, manifests and deletions. Whoever reads a repository may
 * write to it.
 */
export function takePushes(registry: MemoryRegistry): void {
  const uploads = new Map<string, Buffer>()
  registry.intercept = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry')
    const [, name = '', rest = ''] =
      /^\/v2\/(.+)\/((?:blobs\/uploads|manifests)\/[^/]*)$/.exec(pathname) ?? []
    const repository = registry.repositories.get(name)
    if (request.method === 'DELETE') return remove(response, { registry, uploads, pathname })
    if (repository === undefined || !['POST', 'PATCH', 'PUT'].includes(request.method ?? '')) return false
    const mounted = registry.repositories.get(searchParams.get('from') ?? '')?.blobs
    const mount = mounted?.get(searchParams.get('mount') ?? '')
    const [digest, tags] = [searchParams.get('digest'), searchParams.getAll('tag')]
    const push = { uploads, repository, name, rest, mount, digest, tags }
    void take(request, response, push).catch((error) => response.destroy(error as Error))
    return true
  }
}

interface Push {
  readonly uploads: Map<string, Buffer>
  readonly repository: MemoryRepository
  readonly name: string
  /** Below the repository. */
  readonly rest: string
  readonly digest: string | null
  /** A blob of another repository that is to be in this one too. */
  readonly mount: Content | undefined
  /** Tags of a manifest that comes by its digest. */
  readonly tags: readonly string[]
}

function remove(
  response: ServerResponse,
  {
    registry,
    uploads,
    pathname,
  }: { registry: MemoryRegistry; uploads: Map<string, Buffer>; pathname: string },
): boolean {
  const [, name = '', kind = '', reference = ''] =
    /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/([^/]+)$/.exec(pathname) ?? []
  const repository = registry.repositories.get(name)
  if (repository === undefined) return false
  const places = {
    'blobs/uploads': uploads,
    blobs: repository.blobs,
    manifests: reference.includes(':') ? repository.manifests : repository.tags,
  }
  const isGone = places[kind as keyof typeof places].delete(reference)
  response.writeHead(isGone ? (kind === 'blobs/uploads' ? 204 : 202) : 404, { 'content-length': 0 }).end()
  return true
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  { uploads, repository, name, rest, digest, mount, tags }: Push,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  const answer = (status: number, headers: Record<string, string>) =>
    response.writeHead(status, { ...headers, 'content-length': 0 }).end()
  const [kind, reference = ''] = rest.split('/')
  if (kind === 'manifests') {
    const mediaType = request.headers['content-type'] ?? ''
    const algorithm = reference.startsWith('sha512:') ? 'sha512' : 'sha256'
    const content = { digest: digestOf(algorithm, bytes), bytes, mediaType }
    if (reference.includes(':') && reference !== content.digest) return void answer(400, {})
    repository.manifests.set(content.digest, content)
    const named = reference.includes(':') ? tags : [reference]
    for (const tag of named) repository.tags.set(tag, content.digest)
    const { subject } = JSON.parse(bytes.toString()) as { subject?: { digest: string } }
    return void answer(201, {
      'docker-content-digest': content.digest,
      location: `/v2/${name}/manifests/${reference}`,
      ...(subject !== undefined && { 'oci-subject': subject.digest }),
      ...(tags.length > 0 && { 'oci-tag': tags.join(', ') }),
    })
  }
  const [, , id = ''] = rest.split('/')
  if (mount !== undefined) {
    repository.blobs.set(mount.digest, mount)
    return void answer(201, { 'docker-content-digest': mount.digest })
  }
  const [, start] = /^(\d+)-/.exec(request.headers['content-range'] ?? '') ?? []
  if (request.method !== 'POST' && !uploads.has(id)) return void answer(404, {})
  if (start !== undefined && Number(start) !== uploads.get(id)?.length) {
    return void answer(416, { location: `/v2/${name}/blobs/uploads/${id}` })
  }
  const upload = request.method === 'POST' ? randomUUID() : id
  const all = Buffer.concat([uploads.get(upload) ?? Buffer.alloc(0), bytes])
  if (digest === null) {
    uploads.set(upload, all)
    return void answer(202, {
      location: `/v2/${name}/blobs/uploads/${upload}`,
      range: `0-${all.length - 1}`,
    })
  }
  uploads.delete(upload)
  if (digestOf(digest.startsWith('sha512:') ? 'sha512' : 'sha256', all) !== digest)
    return void answer(400, {})
  repository.blobs.set(digest, { digest, bytes: all, mediaType: 'application/octet-stream' })
  answer(201, { 'docker-content-digest': digest })
}

function digestOf(algorithm: 'sha256' | 'sha512', bytes: Uint8Array): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}
