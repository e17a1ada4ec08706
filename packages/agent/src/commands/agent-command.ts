import { flushCompileCache } from 'node:module'
import type { InheritedSocket } from '@shoal/registry'
import { type Command, Option } from 'commander'
import { configVariable } from '../config/environment.ts'
import type { Given } from '../config/layer.ts'
import { type AgentConfig, loadConfig } from '../config/load-config.ts'
import { listSettings, type Setting } from '../config/setting-list.ts'
import { defaultDataDir } from '../data-dir.ts'
import { createLogger, type Logger } from '../logging.ts'
import { takeRegistrySocket } from '../socket-activation.ts'
import { version } from '../version.ts'
import { exitCodes } from './exit.ts'
import { untilTold } from './termination.ts'

/** `shoal agent`: its flags are the settings of the configuration's schema. */
export function addAgentCommand(program: Command): void {
  const settings = listSettings({ dataDir: defaultDataDir(process.env) })
  const command = program
    .command('agent')
    .description('run the agent of this node')
    // Unknown arguments are reported with all other problems of the configuration, at once.
    .allowUnknownOption()
    .allowExcessArguments()
    .addOption(new Option('--config <file>', `YAML file with settings (${configVariable})`))
    .addHelpText(
      'after',
      '\nFlags come before environment variables, these before the file, setting by setting.\n' +
        'A flag marked "repeatable" takes a comma-separated list as a variable, a list in the file.',
    )
  for (const setting of settings) command.addOption(optionOf(setting))
  command.action(async () => {
    const registrySocket = takeRegistrySocket(process.env, process.pid)
    await runAgent(
      await loadConfig({
        flags: flagsOf(command),
        unknownArguments: command.args,
        environment: process.env,
        defaults: { dataDir: defaultDataDir(process.env) },
      }),
      registrySocket,
    )
  })
}

async function runAgent(config: AgentConfig, registrySocket: InheritedSocket | undefined): Promise<void> {
  const log = createLogger(config.settings.log.level)
  exitOnDefects(log)
  for (const warning of config.warnings) log.warn({ warning }, 'configuration')

  const told = untilTold()
  const starting = new AbortController()
  void told.then(() => starting.abort())
  // Only now: libp2p takes half a second to load, which help and a mistyped flag need not wait for.
  const { Agent } = await import('../agent.ts')
  try {
    const agent = await Agent.start(config, log, { signal: starting.signal, registrySocket })
    log.info({ version, ...agent.addresses }, 'agent ready')
    // With NODE_COMPILE_CACHE, agents that start now need not wait until this one has ended.
    flushCompileCache()
    const reason = await told
    log.info({ reason }, 'agent stopping')
    await agent.stop()
  } catch (error) {
    // Told to stop before it was ready: what was opened is closed.
    if (!starting.signal.aborted) throw error
  }
  log.info({}, 'agent stopped')
  // Whatever still lingers (a keep-alive socket, a timer of a library) must not outlast the drain.
  process.exit(exitCodes.done)
}

/** An error that nobody handled leaves the process in an unknown state: better a restart than a zombie. */
function exitOnDefects(log: Logger): void {
  const die = (err: unknown): never => {
    log.fatal({ err }, 'unexpected error; exiting')
    process.exit(exitCodes.failed)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
}

function optionOf({ flag, argument, list, description, variable, defaultText }: Setting): Option {
  const notes = [
    variable,
    list ? 'repeatable' : '',
    defaultText === undefined ? '' : `default: ${defaultText}`,
  ]
  const shown = `${description} (${notes.filter((note) => note !== '').join('; ')})`
  const option = new Option(argument === undefined ? flag : `${flag} ${argument}`, shown)
  return list ? option.argParser((value, earlier: string[] = []) => [...earlier, value]) : option
}

function flagsOf(command: Command): Map<string, Given> {
  const values: Record<string, Given | undefined> = command.opts()
  const given = new Map<string, Given>()
  for (const option of command.options) {
    const value = values[option.attributeName()]
    if (value !== undefined && option.long !== undefined) given.set(option.long, value)
  }
  return given
}
