import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Repository } from '@shoal/content'
import type { Registry } from 'prom-client'
import type { AgentStatus } from './agent-status.ts'
import { splitHostPort } from './config/addresses.ts'

/** Scrapers and browsers stay far below; more is no one that we serve. */
const maxHeaderBytes = 8 * 1024
const headersTimeoutMs = 5_000
const requestTimeoutMs = 10_000
/** Prometheus scrapes every 15-60 s; a connection need not be kept in between. */
const keepAliveTimeoutMs = 5_000

export interface AdminComponents {
  readonly status: () => AgentStatus
  /** What `shoal install` has pulled through the shim lately, to see that it gets there. */
  readonly canaries: () => readonly Repository[]
  readonly metrics: Registry
}

export interface AdminServer {
  readonly address: { readonly host: string; readonly port: number }
  stop(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

type Route = (components: AdminComponents) => Answer | Promise<Answer>

const routes: Readonly<Record<string, Route>> = {
  // Alive means that the event loop turns: it answered.
  '/healthz': () => plain(200, 'ok'),
  '/readyz': ({ status }) => {
    const { state } = status()
    return plain(state === 'ready' ? 200 : 503, state)
  },
  '/metrics': async ({ metrics }) => ({
    status: 200,
    type: metrics.contentType,
    body: await metrics.metrics(),
  }),
  '/api/v1/status': ({ status }) => json(200, status()),
  '/api/v1/canaries': ({ canaries }) => json(200, { seen: canaries() }),
}

/**
 * Serves health, metrics and the admin API. Reading only: it has no authentication, so it listens on loopback
 * unless told otherwise.
 *
 * @param listen - `host:port`
 */
export async function startAdminServer(components: AdminComponents, listen: string): Promise<AdminServer> {
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  })
  server.on('request', (request, response) => void serve(components, request, response))
  server.on('clientError', refuse)
  await listenOn(server, listen)
  const { address, port } = server.address() as AddressInfo
  return { address: { host: address, port }, stop: () => stop(server) }
}

async function serve(
  components: AdminComponents,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Nothing here takes a body, but one that is not read keeps the connection busy.
  request.resume()
  try {
    send(request, response, await answer(components, request, response))
  } catch (cause) {
    send(request, response, failure(500, 'INTERNAL', `the request failed: ${String(cause)}`))
  }
}

async function answer(
  components: AdminComponents,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (route === undefined) {
    return failure(404, 'NOT_FOUND', `no such resource; there are ${Object.keys(routes).join(', ')}`)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return failure(405, 'METHOD_NOT_ALLOWED', `${path} takes GET and HEAD only`)
  }
  return route(components)
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Answers what is not HTTP, or too much of it, and ends the connection. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return void socket.destroy()
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const status = tooLarge
    ? '431 Request Header Fields Too Large'
    : late
      ? '408 Request Timeout'
      : '400 Bad Request'
  const message = tooLarge
    ? `headers over ${maxHeaderBytes} bytes`
    : late
      ? 'request timed out'
      : 'malformed request'
  const { type, body } = failure(0, 'BAD_REQUEST', message)
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` }
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

/** The error form of the OCI Distribution API, which the shim speaks too. */
function failure(status: number, code: string, message: string): Answer {
  return json(status, { errors: [{ code, message }] })
}

async function listenOn(server: Server, listen: string): Promise<void> {
  const address = splitHostPort(listen)
  if (address === undefined) throw new TypeError(`${listen} is not host:port`)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(address, resolve)
  await promise
  server.off('error', reject)
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  await promise
}
