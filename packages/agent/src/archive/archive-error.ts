import { ShoalError } from '@shoal/content'

/** An image on disk can't be read or written. The message is one line for whoever named it. */
export class ArchiveError extends ShoalError {
  constructor(message: string, options?: ErrorOptions) {
    super('ARCHIVE', message, options)
  }
}
