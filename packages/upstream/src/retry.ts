export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly tries: number
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** The longest wait that an origin may ask for and get; for more, the caller is told. */
  readonly maxRetryAfterMs: number
  /** No attempt starts later than this after the first. */
  readonly budgetMs: number
}

/**
 * A dropped connection or a restarting backend is over within a second. Beyond that a client behind us is
 * better off with an answer: the budget keeps one request under the 30 s after which containerd gives up.
 */
export const defaultRetryPolicy: RetryPolicy = {
  tries: 3,
  baseDelayMs: 200,
  maxDelayMs: 2_000,
  maxRetryAfterMs: 2_000,
  budgetMs: 10_000,
}

export interface FailedAttempt {
  /** 1 for the first. */
  readonly attempt: number
  /** Since the first attempt started. */
  readonly elapsedMs: number
  readonly transient: boolean
  /** What the origin asked for. */
  readonly retryAfterMs: number | undefined
}

/** How long to wait before the next attempt, in milliseconds; undefined when there should be none. */
export function retryDelay(
  failed: FailedAttempt,
  policy: RetryPolicy,
  random: () => number,
): number | undefined {
  if (!failed.transient || failed.attempt >= policy.tries) return undefined
  const askedFor = failed.retryAfterMs ?? 0
  if (askedFor > policy.maxRetryAfterMs) return undefined
  // Jitter over the whole span: nodes that failed together must not come back together.
  const backoff = random() * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failed.attempt - 1))
  const delay = Math.max(backoff, askedFor)
  return failed.elapsedMs + delay > policy.budgetMs ? undefined : delay
}
