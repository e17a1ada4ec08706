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
import { findingLine } from './runtime-report.ts'

interface DoctorFlags extends HostFlags, AgentFlags {
  readonly registry?: readonly string[]
}

/** `shoal doctor` */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('say what keeps pulls of this host from the agent, and the remedy; changes nothing')
  addHostOptions(addAgentOptions(command)).action(doctor)
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const { shim, admin } = await agentAddresses(flags)
  const { createAgentClient, diagnose, openHost } = await import('@shoal/runtimes')
  const agent = createAgentClient(admin)
  const findings = await diagnose(openHost(hostInit(flags)), { shim, agent, registries: flags.registry })
  for (const finding of findings) process.stdout.write(`${findingLine(finding)}\n`)
  const isWell = findings.every(({ level }) => level === 'note')
  if (isWell) process.stdout.write('well: every runtime that was found pulls through the shim\n')
  if (flags.json) process.stdout.write(`${JSON.stringify({ findings })}\n`)
  process.exitCode = isWell ? exitCodes.done : exitCodes.failed
}
