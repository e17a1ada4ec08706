export interface Hedge {
  /** How long the first is waited for alone. */
  readonly afterMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Asks, and once more beside it when no answer comes for a while: connections die without a word, and requests get
 * stuck behind a backend that is gone. The first answer counts, the other request is ended. A first one that fails
 * before its time has failed.
 *
 * @throws what the first one throws, or the second when both fail
 */
export async function hedged<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { afterMs, signal }: Hedge,
): Promise<T> {
  const requests: AbortController[] = []
  const begin = async (): Promise<{ answer: T; by: AbortController }> => {
    const by = new AbortController()
    requests.push(by)
    const ended = signal === undefined ? by.signal : AbortSignal.any([by.signal, signal])
    return { answer: await ask(ended), by }
  }
  const first = begin()
  const second = Promise.withResolvers<Awaited<typeof first>>()
  const timer = setTimeout(() => begin().then(second.resolve, second.reject), afterMs)
  first.catch((error) => {
    if (requests.length === 1) second.reject(error)
  })
  try {
    const { answer, by } = await Promise.any([first, second.promise])
    for (const request of requests) if (request !== by) request.abort()
    return answer
  } catch (error) {
    throw error instanceof AggregateError ? error.errors.at(-1) : error
  } finally {
    clearTimeout(timer)
  }
}
