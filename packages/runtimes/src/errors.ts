import { ShoalError } from '@shoal/content'

export type RuntimesFault =
  /** A configuration file can't be parsed, or holds what an edit would break. */
  | 'unreadable-file'
  /** The journal of an earlier install can't be used. */
  | 'journal'
  /** The host did not do what was asked: a write, a reload, a restart. */
  | 'host'
  /** A pull through the runtime did not reach the shim. */
  | 'not-seen'
  /** The agent of this node does not answer. */
  | 'agent'

/** Install, uninstall or doctor can't go on. The message is one line with what to do. */
export class RuntimesError extends ShoalError {
  readonly fault: RuntimesFault

  constructor(fault: RuntimesFault, message: string, options?: ErrorOptions) {
    super('RUNTIMES', message, options)
    this.fault = fault
  }
}
