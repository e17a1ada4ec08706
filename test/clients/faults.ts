import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Content, MemoryRegistry } from '../harness/memory-registry.ts'

/** What an upstream does to a request; false when it is served as it should be. */
type Misbehaviour = (given: {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly content: Content
  readonly registry: MemoryRegistry
}) => boolean

export interface Fault {
  readonly name: string
  readonly misbehave: Misbehaviour
  /** Whether a client alone with this upstream gets the image when the fault never ends. */
  readonly isSurvivable?: boolean
  /** Whether it is done to manifests too. */
  readonly onManifests?: boolean
}

/** Where nobody listens. */
export const deadHost = 'http://127.0.0.1:9'

const slowFirstByteMs = 3_000

const status =
  (code: number, headers: Record<string, string> = {}): Misbehaviour =>
  ({ response }) => {
    response.writeHead(code, { 'content-length': 0, ...headers }).end()
    return true
  }

/** Sends the right head and half of the body. */
const half =
  (then: (response: ServerResponse) => void): Misbehaviour =>
  ({ request, response, content, registry }) => {
    if (request.method === 'HEAD') return false
    const part = partOf(request, content)
    registry.writeHead(request, response, content)
    response.write(part.subarray(0, part.length / 2), () => then(response))
    return true
  }

/** Every way in which an upstream is known to fail. Those that can end are tried once and for ever. */
export const faults: readonly Fault[] = [
  { name: '404', misbehave: status(404), onManifests: true },
  { name: '403', misbehave: status(403), onManifests: true },
  { name: '429, Retry-After 1', misbehave: status(429, { 'retry-after': '1' }), onManifests: true },
  { name: '500', misbehave: status(500), onManifests: true },
  { name: '503', misbehave: status(503), onManifests: true },
  { name: 'silent', misbehave: () => true, onManifests: true },
  {
    name: `first byte after ${slowFirstByteMs / 1000} s`,
    isSurvivable: true,
    misbehave: ({ request, response, content, registry }) => {
      setTimeout(() => registry.deliver(request, response, content), slowFirstByteMs)
      return true
    },
  },
  { name: 'stalls midway', misbehave: half(() => undefined) },
  { name: 'FIN midway', misbehave: half((response) => response.socket?.end()) },
  { name: 'RST midway', misbehave: half((response) => response.socket?.resetAndDestroy()) },
  {
    name: 'a wrong byte',
    misbehave: ({ request, response, content, registry }) => {
      const bytes = Buffer.from(content.bytes)
      bytes[0] = (bytes[0] ?? 0) ^ 1
      registry.deliver(request, response, { ...content, bytes })
      return true
    },
  },
  {
    name: 'too short a Content-Length',
    misbehave: ({ request, response, content }) => {
      const part = partOf(request, content).subarray(1)
      response.writeHead(200, { 'content-length': part.length, 'docker-content-digest': content.digest })
      response.end(request.method === 'HEAD' ? undefined : part)
      return true
    },
  },
  {
    name: 'chunked, without a length',
    isSurvivable: true,
    misbehave: ({ request, response, content, registry }) => {
      if (request.method === 'HEAD') return false
      registry.writeHead(request, response, content, { withLength: false })
      response.write(partOf(request, content))
      response.end()
      return true
    },
  },
  {
    name: 'ignores ranges',
    isSurvivable: true,
    misbehave: ({ request, response, content, registry }) => {
      delete request.headers.range
      registry.deliver(request, response, content)
      return true
    },
  },
  {
    name: 'redirects in a circle',
    misbehave: ({ request, response }) => redirect(response, request.url ?? ''),
  },
  {
    name: 'redirects to a dead host',
    misbehave: ({ response }) => redirect(response, `${deadHost}/blob`),
  },
  {
    name: 'gzip nobody asked for',
    isSurvivable: true,
    misbehave: ({ request, response, content }) => {
      if (request.method === 'HEAD') return false
      const body = gzipSync(content.bytes, { level: 1 })
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length })
      response.end(body)
      return true
    },
  },
]

function redirect(response: ServerResponse, location: string): true {
  response.writeHead(307, { location, 'content-length': 0 }).end()
  return true
}

function partOf(request: IncomingMessage, { bytes }: Content): Uint8Array {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  return bytes.subarray(Number(first), last === '' ? bytes.length : Number(last) + 1)
}

export type Duration = 'once' | 'always'

/** Has the registry misbehave: for ever, or to the first request of each kind for each content. */
export function injectFault(registry: MemoryRegistry, fault: Fault, duration: Duration): void {
  const done = new Set<string>()
  registry.intercept = (request, response, content) => {
    const isManifest = request.url?.includes('/manifests/') === true
    if (content === undefined || (isManifest && fault.onManifests !== true)) return false
    const key = `${request.method} ${content.digest}`
    if (duration === 'once' && done.has(key)) return false
    done.add(key)
    return fault.misbehave({ request, response, content, registry })
  }
}
