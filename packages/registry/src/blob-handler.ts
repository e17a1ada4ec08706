import { type ContentSource, ContentUnavailableError, type OpenContent } from '@shoal/content'
import { type Admission, seenOf } from './access-gate.ts'
import { sendBody } from './body-sender.ts'
import { type ContentClaimComponents, requireBlobIn } from './content-claim.ts'
import { type ContentPlan, planContent } from './content-plan.ts'
import { Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'
import type { Delivery, Exchange } from './exchange.ts'
import { closeContent, openContent } from './open-content.ts'
import { PieceReader } from './piece-reader.ts'
import { namespaceHeader, sendHead, writeHead } from './respond.ts'
import type { BlobRoute } from './router.ts'

export interface BlobHandlerInit extends ContentClaimComponents {
  readonly content: ContentSource
  readonly firstByteTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly report: ReportDegraded
}

/**
 * Serves a blob that belongs to the repository, or the range of it that was asked for. The head goes out only with the first byte in hand:
 * until then a failure can still be a 404, on which every client goes elsewhere.
 *
 * @throws what {@link refusalFor} turns into an answer, as long as nothing was sent
 */
export async function serveBlob(
  exchange: Exchange,
  { route, admission }: { readonly route: BlobRoute; readonly admission: Admission },
  init: BlobHandlerInit,
): Promise<Delivery> {
  using deadline = new Deadline({
    what: 'the first byte',
    afterMs: init.firstByteTimeoutMs,
    parent: exchange.signal,
  })
  const { signal } = deadline
  const { repository, digest } = route
  const seen = seenOf(admission, 'blob', digest)
  await requireBlobIn(init, { repository, digest, seen }, signal)
  const content = await openContent(init.content, route, { signal, report: init.report })
  try {
    const { headers } = exchange.request
    const { size } = content.descriptor
    const plan = planContent({ headers, isHead: exchange.isHead, digest, size })
    const named = { ...plan, headers: { ...plan.headers, ...namespaceHeader(route) } }
    return await deliver(exchange, { content, plan: named, deadline }, init)
  } finally {
    await closeContent(content, init.report)
  }
}

interface Opened {
  readonly content: OpenContent
  readonly plan: ContentPlan
  /** For the first byte. */
  readonly deadline: Deadline
}

async function deliver(exchange: Exchange, opened: Opened, init: BlobHandlerInit): Promise<Delivery> {
  const { content, deadline, plan } = opened
  if (plan.status === 304) return sendHead(exchange, 304, plan.headers)
  const headers = { ...plan.headers, 'Content-Type': 'application/octet-stream' }
  if (exchange.isHead) return sendHead(exchange, 200, headers)

  const { digest } = content.descriptor
  const length = plan.range.end - plan.range.start
  const reader = new PieceReader(content, { range: plan.range, borrow: true, report: init.report })
  try {
    const first = length === 0 ? undefined : await reader.next(deadline.signal)
    const got = first?.length ?? 0
    if (got > length || (got === 0 && length > 0)) {
      throw new ContentUnavailableError(digest, `its source gave ${got} bytes where ${length} were due`)
    }
    deadline.clear()
    writeHead(exchange, plan.status, headers)
    const { stallTimeoutMs, report } = init
    const waitedMs = deadline.elapsedMs
    const source = { digest, reader, first, waitedMs, length, stallTimeoutMs, report }
    return await sendBody(exchange, plan.status, source)
  } finally {
    reader.release()
  }
}
