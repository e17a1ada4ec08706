import type { InstallPlan, InstallReport } from '@shoal/runtimes'
import type { Command } from 'commander'
import { exitCodes } from './exit.ts'
import {
  type AgentFlags,
  addAgentOptions,
  addHostOptions,
  agentAddresses,
  type HostFlags,
  hostInit,
} from './runtime-options.ts'
import { planLines, reportLines } from './runtime-report.ts'

interface InstallFlags extends HostFlags, AgentFlags {
  readonly registry?: readonly string[]
  readonly allowRestart?: true
  readonly dryRun?: true
  readonly canary: boolean
}

/** `shoal install` */
export function addInstallCommand(program: Command): void {
  const command = program
    .command('install')
    .description('point the container runtimes of this host at the agent, without restarting them')
  addHostOptions(addAgentOptions(command))
    .option('--dry-run', 'print the plan, change nothing')
    .option('--allow-restart', 'restart a runtime where nothing less will do')
    .option(
      '--restart-command <command>',
      'how: a shell command, the unit as $1 (default: systemctl restart)',
    )
    .option(
      '--no-canary',
      'do not pull a test image through each runtime, nor roll back when it goes elsewhere',
    )
    .action(install)
}

async function install(flags: InstallFlags): Promise<void> {
  const { shim, admin } = await agentAddresses(flags)
  // Only now: no other command needs it.
  const runtimes = await import('@shoal/runtimes')
  const host = runtimes.openHost(hostInit(flags))
  const plan = await runtimes.planHost(host, {
    shim,
    registries: flags.registry,
    allowRestart: flags.allowRestart,
  })
  print(planLines(plan))
  if (flags.dryRun) return finish(flags, { plan }, isServed(plan))
  const agent = flags.canary ? runtimes.createAgentClient(admin) : undefined
  const report = await runtimes.install(host, plan, agent)
  print(reportLines(report))
  finish(flags, { plan, ...report }, isServed(plan) && report.rolledBack === undefined)
}

/** Whether at least one runtime will pull through the shim. */
function isServed({ runtimes }: InstallPlan): boolean {
  return runtimes.some(
    ({ findings, changes, activations, proves }) =>
      !findings.some(({ level }) => level === 'blocked') &&
      (changes.length > 0 || activations.length > 0 || proves.length > 0),
  )
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

function finish(
  { json }: InstallFlags,
  outcome: { plan: InstallPlan } & Partial<InstallReport>,
  isDone: boolean,
): void {
  if (json) process.stdout.write(`${JSON.stringify(outcome)}\n`)
  process.exitCode = isDone ? exitCodes.done : exitCodes.failed
}
