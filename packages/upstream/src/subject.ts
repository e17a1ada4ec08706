import { OriginError, type OriginFault } from '@shoal/content'

/** What a request is about, in the words of its error messages. */
export interface Subject {
  readonly registry: string
  readonly repository: string
  /** `manifest latest`, `blob sha256:…`, `tag list`. */
  readonly what: string
}

/** The subject did not come because of something wrong with the answer itself. */
export function malformed(subject: Subject, why: string): OriginError {
  return failure('malformed', subject, `registry ${subject.registry} answered with ${why}`)
}

export function failure(
  fault: OriginFault,
  subject: Subject,
  why: string,
  options?: ErrorOptions & { retryAfterMs?: number },
): OriginError {
  return new OriginError(fault, `${subject.what} of ${subject.repository}: ${why}`, options)
}
