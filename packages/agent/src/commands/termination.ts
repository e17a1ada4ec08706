import { exitCodes } from './exit.ts'

/**
 * Waits to be told to end: by a signal, or by the end of the parent, when one spawned us with an IPC
 * channel. Told a second time, the process exits at once.
 */
export function untilTold(signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let told = false
  const tell = (reason: string) => {
    if (told) process.exit(exitCodes.interrupted)
    told = true
    resolve(reason)
  }
  for (const signal of signals) process.on(signal, () => tell(signal))
  if (process.channel !== undefined) process.once('disconnect', () => tell('the parent process ended'))
  return promise
}
