import { ShoalError } from '@shoal/content'

/** The agent can't start. The message is one line for the person who started it. */
export class StartError extends ShoalError {
  constructor(message: string, options?: ErrorOptions) {
    super('START', message, options)
  }
}
