import { ShoalError } from '@shoal/content'

/** The demonstration can't go on. The message is for the person who started it. */
export class DemoError extends ShoalError {
  constructor(message: string, options?: ErrorOptions) {
    super('DEMO', message, options)
  }
}
