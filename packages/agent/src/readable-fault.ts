/** What the system's error codes mean to a person who has to act on them. */
const readings: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'another process is using that address',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ECONNREFUSED: 'nobody answers at that address',
  ECONNRESET: 'the connection was broken off',
  EEXIST: 'it exists already',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files (raise the limit with ulimit -n)',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'part of the path is not a directory',
  ENOTFOUND: 'no such host',
  EPERM: 'permission denied',
  EPIPE: 'the connection was broken off',
  EROFS: 'the file system is read-only',
  ETIMEDOUT: 'no answer in time',
}

/** One line for a person: the reading of the first system error along the chain of causes, or the message. */
export function readableFault(error: unknown): string {
  const code = systemCodeOf(error)
  if (code !== undefined) return readings[code] ?? code
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n')[0] ?? ''
}

/** The first system error code (`EADDRINUSE`) along the chain of causes and aggregated errors. */
export function systemCodeOf(error: unknown): string | undefined {
  for (const link of chainOf(error)) {
    if ('code' in link && typeof link.code === 'string' && Object.hasOwn(readings, link.code))
      return link.code
  }
  return undefined
}

/** Why a server could not take its address; undefined for anything else that start-up can trip over. */
export function listenFault(error: unknown): string | undefined {
  for (const link of chainOf(error)) {
    if ('syscall' in link && link.syscall === 'listen') return readableFault(link)
    // libp2p gathers the errors of its listeners into a text, and keeps none of them.
    const [, code = ''] = /\blisten (E[A-Z]+):/.exec(link.message) ?? []
    if (code !== '') return readings[code] ?? code
  }
  return undefined
}

/** An error with its causes, and theirs. */
function* chainOf(error: unknown, depth = 0): Generator<Error> {
  // Chains of causes can be circular.
  if (!(error instanceof Error) || depth > 8) return
  yield error
  const inner: unknown[] = error instanceof AggregateError ? error.errors : []
  for (const cause of [error.cause, ...inner]) yield* chainOf(cause, depth + 1)
}
