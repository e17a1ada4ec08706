import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type MemoryRegistry, type MemoryRepository, sha256 } from './memory-registry.ts'

/** Has a registry take pushes: uploads in pieces or at once, and manifests. Whoever reads a repository may write to it. */
export function takePushes(registry: MemoryRegistry): void {
  const uploads = new Map<string, Buffer>()
  registry.intercept = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry')
    const [, name = '', rest = ''] =
      /^\/v2\/(.+)\/((?:blobs\/uploads|manifests)\/[^/]*)$/.exec(pathname) ?? []
    const repository = registry.repositories.get(name)
    if (repository === undefined || !['POST', 'PATCH', 'PUT'].includes(request.method ?? '')) return false
    const push = { uploads, repository, name, rest, digest: searchParams.get('digest') }
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
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  { uploads, repository, name, rest, digest }: Push,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  const answer = (status: number, headers: Record<string, string>) =>
    response.writeHead(status, { ...headers, 'content-length': 0 }).end()
  const [kind, reference = ''] = rest.split('/')
  if (kind === 'manifests') {
    const mediaType = request.headers['content-type'] ?? ''
    const content = { digest: sha256(bytes), bytes, mediaType }
    repository.manifests.set(content.digest, content)
    if (!reference.includes(':')) repository.tags.set(reference, content.digest)
    return void answer(201, { 'docker-content-digest': content.digest })
  }
  const [, , id = ''] = rest.split('/')
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
  if (sha256(all) !== digest) return void answer(400, {})
  repository.blobs.set(digest, { digest, bytes: all, mediaType: 'application/octet-stream' })
  answer(201, { 'docker-content-digest': digest })
}
