import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { HttpAnswer } from './http-client.ts'

/**
 * The answer as it would be without `Content-Encoding: gzip`, which some proxies in front of registries apply whatever
 * they are asked. Its length is then unknown.
 */
export function decodeGzip(answer: HttpAnswer): HttpAnswer {
  const { 'content-encoding': _, 'content-length': __, ...headers } = answer.headers
  // What breaks the one breaks the other; whoever reads the decoded one is told.
  const decoded = pipeline(answer.body, createGunzip(), () => undefined)
  // It may break while nobody reads it yet: the reader finds it broken.
  decoded.on('error', () => undefined)
  const dump = async () => {
    decoded.destroy()
  }
  return { ...answer, headers, body: Object.assign(decoded, { dump }) }
}
