import type { ByteRange } from '@shoal/content'

export interface ContentRange {
  readonly range: ByteRange
  /** Size of the whole; undefined when the origin does not know it. */
  readonly size: number | undefined
}

const pattern = /^bytes (\d{1,15})-(\d{1,15})\/(?:(\d{1,15})|\*)$/i

/** Reads `Content-Range: bytes 0-99/1000` (RFC 9110, section 14.4); undefined for what is none. */
export function parseContentRange(text: string): ContentRange | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const start = Number(match[1])
  const end = Number(match[2]) + 1
  const size = match[3] === undefined ? undefined : Number(match[3])
  if (start >= end || (size !== undefined && end > size)) return undefined
  return { range: { start, end }, size }
}

/** The header that asks for a range. */
export function formatRange({ start, end }: ByteRange): string {
  return `bytes=${start}-${end - 1}`
}

/** Whether what was given is what was asked for: all of it, or up to the end of the content. */
export function answersRange(given: ContentRange, asked: ByteRange): boolean {
  const { start, end } = given.range
  return start === asked.start && (end === asked.end || (end < asked.end && end === given.size))
}
