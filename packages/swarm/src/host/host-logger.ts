/** The part of a pino logger that the host uses: fields first, then a fixed message. */
export interface HostLogger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
  debug(fields: object, message: string): void
}

export const silentLogger: HostLogger = { error() {}, warn() {}, info() {}, debug() {} }
