import type { HttpHeaders } from './http-client.ts'

/** RFC 6838 allows 127 characters on each side of the slash. */
const maxMediaTypeLength = 255
const mediaTypePattern = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/
const unknownMediaType = 'application/octet-stream'
const maxQueryLength = 2 * 1024

/** A header's only value; undefined when it is absent, or repeated. */
export function single(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** `Content-Length` in bytes; undefined when it is absent or no number. */
export function contentLength(headers: HttpHeaders): number | undefined {
  const text = single(headers, 'content-length')
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** `Content-Type` without its parameters. */
export function mediaType(headers: HttpHeaders): string {
  const text = (single(headers, 'content-type') ?? '').split(';', 1)[0]?.trim() ?? ''
  return text.length <= maxMediaTypeLength && mediaTypePattern.test(text) ? text : unknownMediaType
}

/** `Content-Encoding` that is in force in spite of our asking for none. */
export function contentEncoding(headers: HttpHeaders): string | undefined {
  const text = String(headers['content-encoding'] ?? 'identity')
    .trim()
    .toLowerCase()
  return text === 'identity' || text === '' ? undefined : text.slice(0, 32)
}

/** `Retry-After` as milliseconds from `now`, be it seconds or a date. */
export function retryAfterMs(headers: HttpHeaders, now: number): number | undefined {
  const text = single(headers, 'retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const date = text === '' || text.length > 64 ? Number.NaN : Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** The query of the next page, from `Link: <…?last=b&n=2>; rel="next"` (RFC 8288). */
export function nextQuery(headers: HttpHeaders): string | undefined {
  const links = [headers.link ?? []].flat().join(',')
  for (const [, target = '', parameters = ''] of links.matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (!/;\s*rel\s*=\s*"?next"?/i.test(parameters) || !URL.canParse(target, 'https://registry')) continue
    const query = new URL(target, 'https://registry').search.slice(1)
    if (query !== '' && query.length <= maxQueryLength) return query
  }
  return undefined
}
