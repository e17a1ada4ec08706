import type { OriginFault } from '@shoal/content'
import * as z from 'zod/mini'
import { retryAfterMs } from './answer-headers.ts'
import { AttemptError } from './attempt-error.ts'
import { readDocument } from './body.ts'
import type { HttpAnswer } from './http-client.ts'
import { place } from './network-fault.ts'
import { failure, type Subject } from './subject.ts'

/** An OCI error body is a line or two. */
const errorLimits = { maxBytes: 16 * 1024, timeoutMs: 1_000 }

const errorSchema = z.object({
  errors: z.array(z.object({ code: z.string().check(z.regex(/^[A-Z_]{1,64}$/)) })).check(z.minLength(1)),
})

/** What a status that is no success means for whoever asked. */
export function faultOf(status: number): OriginFault {
  if (status === 404 || status === 410) return 'not-found'
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 429) return 'rate-limited'
  return status >= 500 || status === 408 ? 'unavailable' : 'malformed'
}

/** Reads what an answer without success has to say, and ends it. */
export async function statusFault(answer: HttpAnswer, subject: Subject, now: number): Promise<AttemptError> {
  const { status, url } = answer
  const code = await errorCode(answer, subject)
  const fault = faultOf(status)
  const wait = retryAfterMs(answer.headers, now)
  const why = `${place(subject, url)} ${phrases[fault]}: status ${status}${code === undefined ? '' : ` ${code}`}`
  const error = failure(fault, subject, why, wait === undefined ? {} : { retryAfterMs: wait })
  // Asking again after a 429 counts as one more request; only a registry that names a time invites it.
  const transient = fault === 'rate-limited' ? wait !== undefined : fault === 'unavailable' && status !== 501
  return new AttemptError(error, transient)
}

const phrases: Readonly<Record<OriginFault, string>> = {
  'not-found': 'does not have it',
  unauthorized: 'does not show it to us; if it is private, configure credentials for the upstream',
  'rate-limited': 'limits how often we may ask',
  unavailable: 'is in trouble',
  refused: 'may not be asked',
  malformed: 'answered what makes no sense here',
}

/** The code of an OCI error body, such as `MANIFEST_UNKNOWN`. */
async function errorCode(answer: HttpAnswer, subject: Subject): Promise<string | undefined> {
  try {
    const text = new TextDecoder().decode(await readDocument(answer, errorLimits, { subject }))
    return errorSchema.parse(JSON.parse(text)).errors[0]?.code
  } catch {
    return undefined // many bodies hold no OCI error; the status says enough without
  }
}
