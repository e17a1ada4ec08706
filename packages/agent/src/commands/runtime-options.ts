import type { HostInit, RuntimeFamily } from '@shoal/runtimes'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { splitHostPort } from '../config/addresses.ts'
import type { Given } from '../config/layer.ts'
import { loadConfig } from '../config/load-config.ts'
import { ConfigurationError } from '../config/problems.ts'
import { defaultDataDir } from '../data-dir.ts'

/** As `--runtime` names them; the package itself is loaded when a command runs. */
const families: readonly RuntimeFamily[] = ['containerd', 'docker', 'podman']

/** What install, uninstall and doctor have in common. */
export interface HostFlags {
  readonly hostRoot: string
  readonly stateDir?: string
  readonly runtime?: readonly RuntimeFamily[]
  readonly restartCommand?: string
  readonly json?: true
}

/** Where the agent of this node is. */
export interface AgentFlags {
  readonly config?: string
  readonly registryListen?: string
  readonly adminListen?: string
}

export function addHostOptions(command: Command): Command {
  return command
    .option('--host-root <dir>', "where the host's root directory is, seen from a container", '/')
    .option('--state-dir <dir>', 'where the host keeps the journal (default: /var/lib/shoal/install)')
    .addOption(
      new Option(
        '--runtime <name>',
        `only this one: ${families.join(', ')} (CRI-O counts as podman; repeatable)`,
      ).argParser(addFamily),
    )
    .option('--json', 'end the output with one JSON object')
}

export function addAgentOptions(command: Command): Command {
  return command
    .option('--config <file>', "the agent's YAML file")
    .option('--registry-listen <host:port>', 'where its shim listens (default: 127.0.0.1:5005)')
    .option('--admin-listen <host:port>', 'where its admin API listens (default: 127.0.0.1:5007)')
    .addOption(
      new Option(
        '--registry <name>',
        'only this registry (repeatable; default: all, for Podman the well-known ones)',
      ).argParser((value: string, earlier: string[] = []) => [...earlier, value]),
    )
}

export function hostInit({ hostRoot, stateDir, runtime, restartCommand }: HostFlags): HostInit {
  return { root: hostRoot, stateDir, families: runtime, restartCommand }
}

/** The agent's addresses, from wherever the agent itself takes them. */
export async function agentAddresses(flags: AgentFlags): Promise<{ shim: string; admin: string }> {
  const given = new Map<string, Given>()
  if (flags.config !== undefined) given.set('--config', flags.config)
  if (flags.registryListen !== undefined) given.set('--registry-listen', flags.registryListen)
  if (flags.adminListen !== undefined) given.set('--admin-listen', flags.adminListen)
  const { settings } = await loadConfig({
    flags: given,
    unknownArguments: [],
    environment: process.env,
    defaults: { dataDir: defaultDataDir(process.env) },
  })
  return {
    shim: `http://${reachable(settings.registry.listen, '--registry-listen')}`,
    admin: reachable(settings.admin.listen, '--admin-listen'),
  }
}

/** A wildcard address is reached on loopback; port 0 is one that nobody knows beforehand. */
function reachable(listen: string, flag: string): string {
  const { host = '', port = 0 } = splitHostPort(listen) ?? {}
  if (port === 0) throw new ConfigurationError([`${flag}: runtimes need a fixed port, not ${listen}`])
  if (host === '0.0.0.0') return `127.0.0.1:${port}`
  if (host === '::') return `[::1]:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function addFamily(value: string, earlier: RuntimeFamily[] = []): RuntimeFamily[] {
  const family = families.find((name) => name === value)
  if (family === undefined) throw new InvalidArgumentError(`Expected one of ${families.join(', ')}.`)
  return [...earlier, family]
}
