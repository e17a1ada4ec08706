import type { Command } from 'commander'
import { exitCodes } from './exit.ts'
import { addHostOptions, type HostFlags, hostInit } from './runtime-options.ts'
import { undoneLines } from './runtime-report.ts'

/** `shoal uninstall` */
export function addUninstallCommand(program: Command): void {
  const command = program
    .command('uninstall')
    .description('give this host back as it was before the install; needs no agent')
  addHostOptions(command).action(uninstall)
}

async function uninstall(flags: HostFlags): Promise<void> {
  const { openHost, releaseHost } = await import('@shoal/runtimes')
  const report = await releaseHost(openHost(hostInit(flags)))
  for (const line of undoneLines(report)) process.stdout.write(`${line}\n`)
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  const isLeft = report.paths.some(({ outcome }) => outcome === 'left')
  process.exitCode = isLeft ? exitCodes.failed : exitCodes.done
}
