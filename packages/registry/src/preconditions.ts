import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether `If-None-Match` says that the client has this content: then 304. Weak comparison, as RFC 9110 has
 * it.
 */
export function isNotModified(headers: IncomingHttpHeaders, etag: string): boolean {
  const header = headers['if-none-match']
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}

/**
 * Whether the `Range` header counts: not when `If-Range` names other content. Only a strong tag can match;
 * a date can't, since digests have none.
 */
export function isRangeWanted(headers: IncomingHttpHeaders, etag: string): boolean {
  const header = headers['if-range']
  return header === undefined || header === etag
}
