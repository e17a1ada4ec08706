import type { IncomingHttpHeaders } from 'node:http'
import type { ByteRange, Digest } from '@shoal/content'
import { isNotModified, isRangeWanted } from './preconditions.ts'
import { readRange } from './range-header.ts'
import { RequestError } from './request-error.ts'

/** Content that could be sent, and what the request says about how. */
export interface ContentRequest {
  readonly headers: IncomingHttpHeaders
  readonly isHead: boolean
  readonly digest: Digest
  readonly size: number
}

/** How to answer a request for content that is there. */
export interface ContentPlan {
  readonly status: 200 | 206 | 304
  /** The bytes to send; `Content-Length` says the same. Empty for 304. */
  readonly range: ByteRange
  readonly headers: Readonly<Record<string, string | number>>
}

/** What a digest names never changes. The figure is docker-registry's: a year in seconds. */
const immutable = 'max-age=31536000'

/**
 * Weighs `If-None-Match`, `If-Range` and `Range`.
 *
 * @throws RequestError 416 `RANGE_INVALID`
 */
export function planContent({ headers, isHead, digest, size }: ContentRequest): ContentPlan {
  const etag = `"${digest}"`
  const common = { 'Docker-Content-Digest': digest, ETag: etag, 'Cache-Control': immutable }
  if (isNotModified(headers, etag)) return { status: 304, range: { start: 0, end: 0 }, headers: common }

  const full = { ...common, 'Accept-Ranges': 'bytes' }
  const wanted = readRange(!isHead && isRangeWanted(headers, etag) ? headers.range : undefined, size)
  if (wanted.kind === 'unsatisfiable') throw rangeError(wanted.why, size)
  if (wanted.kind === 'whole') {
    return { status: 200, range: { start: 0, end: size }, headers: { ...full, 'Content-Length': size } }
  }
  const { start, end } = wanted.range
  const part = { 'Content-Length': end - start, 'Content-Range': `bytes ${start}-${end - 1}/${size}` }
  return { status: 206, range: wanted.range, headers: { ...full, ...part } }
}

function rangeError(why: string, size: number): RequestError {
  const headers = { 'Content-Range': `bytes */${size}` }
  return new RequestError('RANGE_INVALID', why, { status: 416, reason: 'invalid-range', headers })
}
