/**
 * Waits for a promise, or until the signal aborts. What is waited for goes on by itself; should it fail
 * later, nobody is told.
 *
 * @throws what the promise rejects with, or the signal's reason
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
