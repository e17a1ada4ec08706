import {
  type DestinationStream,
  destination,
  type Logger,
  pino,
  stdSerializers,
  stdTimeFunctions,
} from 'pino'

export type { Logger } from 'pino'

/** Fields that could carry a credential. None is logged on purpose; this is the second lock. */
const secretFields = ['authorization', 'password', 'token', 'secret', 'clusterSecret']

/**
 * The agent's log: one JSON object a line on standard output, a fixed `msg` and fields, so that it can be
 * searched by machines. Levels: error = someone must act, warn = degraded, info = life cycle and completed
 * pulls, debug = decisions, trace = messages.
 */
export function createLogger(
  level: string,
  // Written at once: a line that explains a crash must not be lost in a buffer.
  to: DestinationStream = destination({ fd: 1, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Both names are in use; without this an error under the other one would be an empty object.
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
      redact: secretFields.flatMap((field) => [field, `*.${field}`]),
    },
    to,
  )
}
