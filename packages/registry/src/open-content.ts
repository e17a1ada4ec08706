import type { ContentAddress, ContentSource, OpenContent } from '@shoal/content'
import { abortable, Deadline } from './deadline.ts'
import type { ReportDegraded } from './events.ts'

/** Letting go is bookkeeping; a close that takes longer hangs. */
const closeMs = 5_000

/**
 * Opens content, or rejects as soon as the signal aborts. Content that opens after that is closed again, so
 * that nothing stays pinned for a client that has its 404.
 */
export async function openContent(
  source: ContentSource,
  address: ContentAddress,
  options: { readonly signal: AbortSignal; readonly report: ReportDegraded },
): Promise<OpenContent> {
  const { signal, report } = options
  const opening = source.open(address, { signal })
  try {
    return await abortable(opening, signal)
  } catch (error) {
    if (signal.aborted) {
      opening.then(
        (late) => closeContent(late, report),
        (lateError) => {
          // The client was told of the abort. Only what does not follow from it is news.
          if (lateError !== error && !isAbort(lateError)) report('open content', lateError)
        },
      )
    }
    throw error
  }
}

/** Lets go of content. Never throws: the answer is out, and a failure here is only reported. */
export async function closeContent(content: OpenContent, report: ReportDegraded): Promise<void> {
  using deadline = new Deadline({ what: 'closing content', afterMs: closeMs })
  try {
    await abortable(content.close(), deadline.signal)
  } catch (error) {
    report('close content', error)
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
