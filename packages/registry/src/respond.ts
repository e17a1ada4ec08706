import type { ServerResponse } from 'node:http'
import type { Delivery, Exchange } from './exchange.ts'
import { endWithFin } from './linger.ts'
import type { RequestError } from './request-error.ts'

/** Header fields of an answer. */
export type ResponseHeaders = Readonly<Record<string, string | number>>

/**
 * How long a client may take none of our bytes. The kubelet's runtimes give up a pull after as long without
 * progress (containerd's `image_pull_progress_timeout`).
 */
export const clientStallMs = 5 * 60_000

/** On every answer: the legacy header by which old clients know a registry. */
const commonHeaders = {
  'Docker-Distribution-Api-Version': 'registry/2.0',
  'X-Content-Type-Options': 'nosniff',
} as const

/** The `OCI-Namespace` header, which answers an `ns` parameter. */
export function namespaceHeader({ namespace }: { readonly namespace: string | undefined }): ResponseHeaders {
  return namespace === undefined ? {} : { 'OCI-Namespace': namespace }
}

/** Sends the status line and headers. `Content-Length` is always among them, so that a cut body shows. */
export function writeHead(exchange: Exchange, status: number, headers: ResponseHeaders): void {
  exchange.response.writeHead(status, { ...commonHeaders, ...headers })
}

/** Sends an answer whose body is in memory; to a HEAD the same without the body. */
export async function sendBuffer(
  exchange: Exchange,
  status: number,
  headers: ResponseHeaders,
  body: Uint8Array,
): Promise<Delivery> {
  writeHead(exchange, status, { ...headers, 'Content-Length': body.length })
  return finish(exchange, status, exchange.isHead ? undefined : body)
}

/** Sends an answer without a body: a 304, or headers to a HEAD. */
export async function sendHead(
  exchange: Exchange,
  status: number,
  headers: ResponseHeaders,
): Promise<Delivery> {
  writeHead(exchange, status, headers)
  return finish(exchange, status)
}

/** Sends an OCI error body. */
export async function sendError(
  exchange: Exchange,
  error: RequestError,
  headers: ResponseHeaders = {},
): Promise<Delivery> {
  const all = {
    ...headers,
    ...error.headers,
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
  }
  const delivery = await sendBuffer(exchange, error.status, all, encodeError(error))
  return { ...delivery, reason: error.reason }
}

/** The body of an error as OCI Distribution has it. */
export function encodeError(error: RequestError): Uint8Array {
  const { code, message, reason } = error
  return Buffer.from(`${JSON.stringify({ errors: [{ code, message, detail: { reason } }] })}\n`)
}

/** Ends the response and waits until the socket has taken it all. */
export async function finish(exchange: Exchange, status: number, body?: Uint8Array): Promise<Delivery> {
  const { response } = exchange
  const { socket } = response
  const bytes = body?.length ?? 0
  if (exchange.clientGone) return { status, bytes: 0, outcome: 'client-closed' }
  response.end(body)
  await endOf(response)
  if (response.writableFinished) return { status, bytes, outcome: 'complete' }
  if (exchange.clientGone) return { status, bytes, outcome: 'client-closed' }
  if (socket !== null) endWithFin(socket)
  return { status, bytes, outcome: 'broken', reason: 'client-stalled' }
}

/** Waits until the response has been flushed, its connection closed, or {@link clientStallMs} went by. */
function endOf(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, clientStallMs)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    response.once('finish', done).once('close', done)
  })
}
