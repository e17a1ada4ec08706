import type { ComponentLogger, Logger } from '@libp2p/interface'

const silent: Logger = Object.assign(() => undefined, {
  error: () => undefined,
  trace: () => undefined,
  enabled: false,
  newScope: () => silent,
})

/**
 * What libp2p logs with: nothing, or its own logger when `DEBUG` asks for that one. Its own makes several loggers for
 * each stream and asks each time whether the output is a terminal: a twentieth of what a connection costs.
 */
export function libp2pLogger(debug = process.env.DEBUG): { logger?: ComponentLogger } {
  return debug === undefined || debug === '' ? { logger: { forComponent: () => silent } } : {}
}
