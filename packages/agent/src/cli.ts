#!/usr/bin/env node
import './runtime-flags.ts'
import { Command, CommanderError } from 'commander'
import { addAgentCommand } from './commands/agent-command.ts'
import { addCacheCommand } from './commands/cache-command.ts'
import { addDemoCommand } from './commands/demo-command.ts'
import { addDoctorCommand } from './commands/doctor-command.ts'
import { exitCodes, exitWith } from './commands/exit.ts'
import { addInstallCommand } from './commands/install-command.ts'
import { addUninstallCommand } from './commands/uninstall-command.ts'
import { addVersionCommand } from './commands/version-command.ts'

/** The `shoal` command. What it prints for people goes to standard error, so that output can be piped. */
const program = new Command('shoal')
  .description('A peer-to-peer layer cache for container clusters')
  .showSuggestionAfterError()
  .exitOverride()
  .configureOutput({
    // One line, named like every other error line of ours.
    outputError: (text, write) => write(text.replace(/^error: /, 'shoal: ').replace('\n(', ' (')),
  })
const commands = [
  addAgentCommand,
  addCacheCommand,
  addDemoCommand,
  addInstallCommand,
  addUninstallCommand,
  addDoctorCommand,
  addVersionCommand,
]
for (const add of commands) add(program)

// Whoever read what we print has gone, as `head` does. A command goes on to its end and tells by its status how that was: one
// that stopped here could leave a runtime half installed. What is of no use unread (a demo, an export) ends by itself.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') exitWith(error)
})

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.configuration
  else exitWith(error)
}
