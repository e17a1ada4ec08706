import type { RouteKind } from './router.ts'

/** How an answer ended. */
export type Outcome =
  /** Every byte of it was handed to the client's socket. */
  | 'complete'
  /** The client left first. Normal: containerd reads its part of an open-ended range and hangs up. */
  | 'client-closed'
  /** The content gave out midway; the connection was ended early so that the client can tell. */
  | 'broken'

/** One request and its answer: a line of the access log. */
export interface RequestEvent {
  readonly type: 'request'
  readonly method: string
  /** The path without its query, cut at 512 characters. */
  readonly path: string
  /** Undefined when the path is none that a registry has. */
  readonly route: RouteKind | undefined
  /** The upstream that the request was for, such as `docker.io`. */
  readonly registry: string | undefined
  /** 499, as nginx logs it, when the client left before it got a status. */
  readonly status: number
  /** Bytes of body handed to the client's socket. */
  readonly bytes: number
  /** From the request's headers to the end of the answer. */
  readonly seconds: number
  /** The longest that the client waited for its first or its next byte, in seconds. */
  readonly longestWait: number
  /** Cut at 128 characters; empty when the client sent none. */
  readonly userAgent: string
  readonly outcome: Outcome
  /** Why it was not served, or broke: a stable word such as `not-found`, `timeout` or `stalled`. */
  readonly reason: string | undefined
}

/** Something besides the answer went wrong: the client was served, or got its 404, all the same. */
export interface DegradedEvent {
  readonly type: 'degraded'
  /** What was being done, such as `record tag` or `close content`. */
  readonly operation: string
  readonly error: unknown
}

export type RegistryEvent = RequestEvent | DegradedEvent

export type RegistryListener = (event: RegistryEvent) => void

/** Reports what went wrong besides the answer. */
export type ReportDegraded = (operation: string, error: unknown) => void
