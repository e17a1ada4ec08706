import type { OriginError } from '@shoal/content'
import { place } from './network-fault.ts'
import { failure, malformed, type Subject } from './subject.ts'

/** Registries redirect once, sometimes twice. */
export const maxRedirects = 5
/** Signed URLs run to about 2 KiB. */
const maxLocationLength = 8 * 1024

const redirectStatuses = new Set([301, 302, 303, 307, 308])

export function isRedirect(status: number): boolean {
  return redirectStatuses.has(status)
}

export interface Redirect {
  readonly from: URL
  readonly location: string | undefined
  /** Whether a named upstream without TLS is at this origin. */
  readonly isNamed: (origin: string) => boolean
  readonly subject: Subject
}

/**
 * Where a redirect leads, if it may: over https, or to an upstream that was named with http.
 *
 * @throws OriginError `malformed` for a target that is none, `refused` for one that may not be followed
 */
export function followRedirect({ from, location, isNamed, subject }: Redirect): URL {
  if (location === undefined || location.length > maxLocationLength || !URL.canParse(location, from.href)) {
    throw malformed(subject, 'a redirect to nowhere')
  }
  const target = new URL(location, from)
  if (target.protocol === 'https:') return target
  if (target.protocol === 'http:' && isNamed(target.origin)) return target
  throw refused(target, from, subject)
}

function refused(target: URL, from: URL, subject: Subject): OriginError {
  const { host, protocol } = target
  const scheme = protocol.slice(0, 16)
  const advice = protocol === 'http:' ? `; name it with --upstream ${host}=http://${host} to allow it` : ''
  return failure('refused', subject, `${place(subject, from)} redirects to ${scheme}//${host}${advice}`)
}
