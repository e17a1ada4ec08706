import type { ByteRange, ContentKind, OriginContent } from '@shoal/content'
import { maxManifestBytes } from '@shoal/content'
import { contentLength, mediaType, single } from './answer-headers.ts'
import { readDocument } from './body.ts'
import { answersRange, parseContentRange } from './content-range.ts'
import { exactBody } from './exact-body.ts'
import type { HttpAnswer } from './http-client.ts'
import { malformed, type Subject } from './subject.ts'

export interface OpenContentInit {
  readonly answer: HttpAnswer
  readonly kind: ContentKind
  readonly asked: ByteRange | undefined
  /** Whether the reader is done with each piece before it asks for the next. */
  readonly borrow?: boolean | undefined
  readonly subject: Subject
  readonly signal?: AbortSignal | undefined
  readonly documentTimeoutMs: number
  /** Finds the size of the whole by other means, when the answer does not tell it. */
  readonly measure: () => Promise<number>
}

/** What the head of an answer says about its body. */
interface Extent {
  readonly range: ByteRange
  readonly size: number
}

/**
 * Turns an answer to a GET into content whose size and range are certain. The caller ends the answer when
 * this throws.
 *
 * @throws OriginError, or the signal's reason
 */
export async function openContent(init: OpenContentInit): Promise<OriginContent> {
  const { answer, kind, subject, signal, borrow } = init
  const type = mediaType(answer.headers)
  if (answer.status === 200 && kind === 'manifest' && contentLength(answer.headers) === undefined) {
    const limits = { maxBytes: maxManifestBytes, timeoutMs: init.documentTimeoutMs }
    const bytes = await readDocument(answer, limits, { subject, signal })
    return { size: bytes.length, mediaType: type, range: { start: 0, end: bytes.length }, body: once(bytes) }
  }
  const { size, range } = answer.status === 206 ? await partOf(init) : await wholeOf(init)
  checkSize(size, kind, subject)
  const body = exactBody({ answer, length: range.end - range.start, borrow, subject, signal })
  return { size, mediaType: type, range, body }
}

/** @throws OriginError `malformed` for a manifest that no client would take */
export function checkSize(size: number, kind: ContentKind, subject: Subject): void {
  if (kind === 'manifest' && size > maxManifestBytes) {
    throw malformed(subject, `${size} bytes; a manifest has at most ${maxManifestBytes}`)
  }
}

async function partOf({ answer, asked, subject, measure }: OpenContentInit): Promise<Extent> {
  const header = single(answer.headers, 'content-range') ?? ''
  const given = parseContentRange(header)
  if (asked === undefined || given === undefined || !answersRange(given, asked)) {
    const wanted = asked === undefined ? 'all' : `${asked.start}-${asked.end - 1}`
    throw malformed(subject, `Content-Range ${JSON.stringify(header.slice(0, 80))} when asked for ${wanted}`)
  }
  const size = given.size ?? (await measure())
  if (given.range.end > size) throw malformed(subject, `a range beyond the ${size} bytes that it has`)
  return { range: given.range, size }
}

async function wholeOf({ answer, measure }: OpenContentInit): Promise<Extent> {
  const size = contentLength(answer.headers) ?? (await measure())
  return { range: { start: 0, end: size }, size }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
