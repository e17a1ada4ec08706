import { ShoalError } from '@shoal/content'
import { ConfigurationError } from '../config/problems.ts'
import { DemoError } from '../demo/demo-error.ts'

export const exitCodes = { done: 0, failed: 1, configuration: 2, interrupted: 130 } as const

/** Tells the person why a command failed, a line for each problem, and ends the process. */
export function exitWith(error: unknown): never {
  const isConfiguration = error instanceof ConfigurationError
  for (const line of linesOf(error)) process.stderr.write(`shoal: ${line}\n`)
  // What still lingers (an IPC channel, a keep-alive socket) must not keep a failed command running.
  process.exit(isConfiguration ? exitCodes.configuration : exitCodes.failed)
}

/** What we raise on purpose explains itself. Anything else is a defect, and its stack is the report. */
function linesOf(error: unknown): readonly string[] {
  if (error instanceof ConfigurationError) return error.problems
  // The log of a node that failed comes with it, line by line.
  if (error instanceof DemoError) return [error.message]
  if (error instanceof ShoalError) return [error.message.replaceAll(/\s*\n\s*/g, ' ')]
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)]
}
