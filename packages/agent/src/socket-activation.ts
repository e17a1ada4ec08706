import type { InheritedSocket, ListenAddress } from '@shoal/registry'
import { splitHostPort } from './config/addresses.ts'
import type { Environment } from './config/environment.ts'
import { ConfigurationError, show } from './config/problems.ts'

/** Descriptors that are handed over begin after standard error. */
const firstDescriptor = 3
const maxDescriptors = 2 ** 31 - 1 - firstDescriptor
/** `FileDescriptorName=` of the socket unit. */
const registryName = 'registry'
/** What sd_listen_fds_with_names(3) calls a socket that got no name. */
const nameless = 'unknown'

const variables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const

/**
 * Takes the registry's socket that systemd, or who speaks its protocol (sd_listen_fds(3)), hands over. Its variables go from
 * the environment: they are not meant for the programs that this one runs.
 *
 * @throws ConfigurationError when it is handed over something else
 */
export function takeRegistrySocket(
  environment: Record<string, string | undefined>,
  pid: number,
): InheritedSocket | undefined {
  const given = Object.fromEntries(variables.map((name) => [name, environment[name]]))
  for (const name of variables) delete environment[name]
  return readRegistrySocket(given, pid)
}

/** Undefined without a socket for this process. @throws ConfigurationError */
export function readRegistrySocket(environment: Environment, pid: number): InheritedSocket | undefined {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment
  if (LISTEN_PID === undefined || LISTEN_FDS === undefined) return undefined
  // Another one's: a parent's that did not take them, and left them in its environment.
  if (numberIn('LISTEN_PID', LISTEN_PID, 'a process id') !== pid) return undefined

  const count = numberIn('LISTEN_FDS', LISTEN_FDS, 'the number of sockets')
  const names = LISTEN_FDNAMES?.split(':') ?? Array.from({ length: Math.min(count, 2) }, () => nameless)
  // A socket that nobody serves would keep its clients waiting for ever.
  if (count !== 1 || names.length !== 1 || names[0] !== registryName) {
    const got = `${count === 1 ? '1 socket' : `${count} sockets`} with LISTEN_FDNAMES ${show(names.join(':'))}`
    throw new ConfigurationError([
      `LISTEN_FDS: got ${got}, expected 1 with the name ${registryName} (FileDescriptorName=${registryName} in the socket unit)`,
    ])
  }
  return { fd: firstDescriptor }
}

/** Whether a socket listens elsewhere than `registry.listen` has it. */
export function listensElsewhere({ host, port }: ListenAddress, configured: string): boolean {
  const wanted = splitHostPort(configured)
  const isHost = host === wanted?.host || (wanted?.host === 'localhost' && localhost.includes(host))
  const isPort = port === wanted?.port || wanted?.port === 0
  return !isHost || !isPort
}

const localhost = ['127.0.0.1', '::1']

function numberIn(variable: string, text: string, what: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (value < 1 || value > maxDescriptors) {
    throw new ConfigurationError([`${variable}: got ${show(text)}, expected ${what}, 1 or more`])
  }
  return value
}
