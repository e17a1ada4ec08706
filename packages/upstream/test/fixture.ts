import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ContentAddress, OriginError, type OriginFault, parseDigest } from '@shoal/content'
import type { ExecutionContext } from 'ava'
import { createOrigin, type OriginInit, type RunningOrigin, type UpstreamSettings } from '../dist/index.js'
import { certificate, privateKey } from './fixture-tls.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface TestServer {
  /** `127.0.0.1:1234` */
  readonly host: string
  readonly port: number
  readonly url: string
  /** What came in, oldest first. */
  readonly requests: IncomingMessage[]
  /** Method and path of what came in. */
  readonly lines: string[]
}

/** A real server on loopback, gone when the test ends. */
export async function serve(
  t: ExecutionContext,
  handler: Handler,
  { tls = false } = {},
): Promise<TestServer> {
  const requests: IncomingMessage[] = []
  const lines: string[] = []
  const listener: Handler = (request, response) => {
    requests.push(request)
    lines.push(`${request.method} ${request.url}`)
    handler(request, response)
  }
  const server = tls
    ? createTlsServer({ cert: certificate, key: privateKey }, listener)
    : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  const host = `127.0.0.1:${port}`
  return { host, port, url: `${tls ? 'https' : 'http'}://${host}`, requests, lines }
}

/** An origin without waits between attempts, stopped when the test ends. */
export function originOf(t: ExecutionContext, init: OriginInit): RunningOrigin {
  const origin = createOrigin({ random: () => 0, ...init })
  t.teardown(() => origin.stop())
  return origin
}

/** An origin with one plain-http upstream: the test's server. */
export function originAt(
  t: ExecutionContext,
  server: TestServer,
  settings: Partial<UpstreamSettings> & { init?: OriginInit } = {},
): RunningOrigin {
  const { init, ...upstream } = settings
  const upstreams = [{ registry: server.host, url: server.url, ...upstream }, ...(init?.upstreams ?? [])]
  return originOf(t, { ...init, upstreams })
}

export function repositoryAt(server: { host: string }, name = 'library/demo') {
  return { registry: server.host, name }
}

export function blobAt(server: { host: string }, bytes: Uint8Array = Buffer.from('blob')): ContentAddress {
  return { repository: repositoryAt(server), kind: 'blob', digest: sha256(bytes) }
}

export function manifestAt(server: { host: string }, bytes: Uint8Array = Buffer.from('{}')): ContentAddress {
  return { repository: repositoryAt(server), kind: 'manifest', digest: sha256(bytes) }
}

export function sha256(bytes: Uint8Array) {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Asserts that a call fails as an OriginError with this fault, and returns it. */
export async function fails(
  t: ExecutionContext,
  call: Promise<unknown>,
  fault: OriginFault,
  message?: RegExp,
): Promise<OriginError> {
  const error = await t.throwsAsync(call, { instanceOf: OriginError, ...(message ? { message } : {}) })
  t.is(error?.fault, fault, error?.message)
  return error as OriginError
}

export function respond(response: ServerResponse, status: number, headers = {}, body = ''): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}

/** Serves `bytes`, or the part that `range` asks for; `size` is what it says of the whole. */
export function respondWith(
  bytes: Uint8Array,
  range: string | undefined,
  response: ServerResponse,
  size = String(bytes.length),
): void {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (first === undefined) {
    response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'application/x-layer' })
    response.end(bytes)
    return
  }
  const part = bytes.subarray(Number(first), Number(last) + 1)
  response.writeHead(206, {
    'content-length': part.length,
    'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${size}`,
  })
  response.end(part)
}
