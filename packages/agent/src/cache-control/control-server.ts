import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type AbortOptions, type Descriptor, parseDigest, ShoalError, StoreError } from '@shoal/content'
import type { CacheControl } from './cache-control.ts'
import { makeControlSocket } from './control-socket.ts'
import { parseDescriptor } from './control-wire.ts'

export interface ControlServer {
  stop(): Promise<void>
}

interface Call extends AbortOptions {
  readonly control: CacheControl
  readonly query: URLSearchParams
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

type Operation = (call: Call) => Promise<unknown>

/** An operation answers with JSON, unless it streams its answer itself. */
const streamed = Symbol('streamed')

const operations: Readonly<Record<string, Operation>> = {
  'GET /images': ({ control }) => control.list(),
  'DELETE /images': ({ control, query }) => control.remove(image(query)),
  'PUT /pins': ({ control, query }) => control.pin(image(query)),
  'DELETE /pins': async ({ control, query }) => control.unpin(image(query)),
  'POST /gc': ({ control }) => control.collect(),
  'GET /contents': ({ control, query }) => control.contents(image(query)),
  'PUT /names': async ({ control, query }) =>
    control.name(image(query), descriptorIn(query), { isPublic: query.get('public') === 'true' }),
  'GET /held': async ({ control, query }) => control.has(parseDigest(query.get('digest') ?? '')),
  'PUT /blobs': async ({ control, query, request, signal }) => {
    await control.store({ descriptor: descriptorIn(query), read: () => request }, { signal })
  },
  // Opened by the agent: it can read no more than whoever reaches the socket, and what it sees under that path counts
  // only if it is the blob, should it see another file system than the command does.
  'PUT /blobs/shared': ({ control, query, signal }) => {
    const place = { file: query.get('file') ?? '', mayLink: query.get('link') === 'true' }
    return control.share({ descriptor: descriptorIn(query), ...place }, { signal })
  },
  'GET /blobs': async ({ control, query, response, signal }) => {
    const digest = parseDigest(query.get('digest') ?? '')
    response.setHeader('content-type', 'application/octet-stream')
    await pipeline(Readable.from(control.read(digest, { signal }), { objectMode: false }), response)
    return streamed
  },
  'POST /verify': async ({ control, query, response, signal }) => {
    response.setHeader('content-type', 'application/x-ndjson')
    const verified = control.verify(query.get('image') ?? undefined, { signal })
    const lines = async function* () {
      for await (const each of verified) yield `${JSON.stringify(each)}\n`
    }
    await pipeline(Readable.from(lines()), response)
    return streamed
  },
}

/**
 * Serves {@link CacheControl} on a socket in the data directory: what changes the cache is for those who could change
 * its files, and for no page in a browser and no other user of the machine.
 */
export async function startControlServer(control: CacheControl, dataDir: string): Promise<ControlServer> {
  const socket = await makeControlSocket(dataDir)
  // An upload takes as long as it takes; who reaches the socket could do worse than keep a connection.
  const server = createServer({ requestTimeout: 0 })
  server.on('request', (request, response) => void serve(control, request, response))
  try {
    await listen(server, socket.path)
  } catch (error) {
    await socket.close()
    throw error
  }
  return {
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
      await socket.close()
    },
  }
}

async function serve(
  control: CacheControl,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const left = new AbortController()
  response.once('close', () => left.abort(new Error('the client left')))
  try {
    const url = new URL(request.url ?? '/', 'http://control')
    const operation = operations[`${request.method} ${url.pathname}`]
    if (operation === undefined)
      throw new ShoalError('NOT_FOUND', `${request.method} ${url.pathname} is nothing here`)
    const call = { control, query: url.searchParams, request, response, signal: left.signal }
    const result = await operation(call)
    if (result !== streamed) response.end(JSON.stringify(result ?? null))
  } catch (error) {
    refuse(response, error)
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const code = error instanceof ShoalError ? error.code : 'INTERNAL'
  const fault = error instanceof StoreError ? { fault: error.fault } : {}
  const message = error instanceof Error ? error.message : String(error)
  response.writeHead(error instanceof ShoalError ? 400 : 500, {
    'content-type': 'application/json',
    connection: 'close',
  })
  response.end(JSON.stringify({ code, message, ...fault }))
}

function image(query: URLSearchParams): string {
  return query.get('image') ?? ''
}

function descriptorIn(query: URLSearchParams): Descriptor {
  return parseDescriptor(Object.fromEntries(query))
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(path, resolve)
  await promise
  server.off('error', reject)
}
